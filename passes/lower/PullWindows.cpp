// Pooling and its gradients in PullEmitter: loops over the positions of a window, or over the windows that hold a
// position.
#include "passes/lower/PullEmitter.h"

using namespace mlir;
using namespace mlir::llcc;

namespace {
/// Geometry of a pooling op; x: [N, C, spatial..], y: [N, C, out..].
struct Window {
  ArrayRef<int64_t> size, strides, lo, hi, dilations;
  ArrayRef<int64_t> in, out; // spatial sizes
  int64_t outer;             // N * C

  template <typename Op>
  Window(Op op, ArrayRef<int64_t> x, ArrayRef<int64_t> y)
      : size(op.getWindow()), strides(op.getStrides()), lo(op.getPadsLo()), hi(op.getPadsHi()),
        dilations(op.getDilations()), in(x.drop_front(2)), out(y.drop_front(2)), outer(x[0] * x[1]) {}

  size_t rank() const { return size.size(); }
};

/// Emits window arithmetic with an emitter.
struct WindowEmitter {
  PullEmitter &e;
  const Window &w;

  /// Runs `body` with every window offset in row-major order: unrolled where that is few, as loops otherwise.
  SmallVector<Value> walk(ArrayRef<int64_t> sizes, ValueRange inits, PullEmitter::Body body) {
    int64_t count = product(sizes);
    if (count > 16)
      return e.nest(sizes, inits, body);
    SmallVector<Value> accs(inits);
    for (int64_t i = 0; i < count; ++i) {
      SmallVector<Value> ivs(sizes.size());
      int64_t left = i;
      for (int64_t d = sizes.size() - 1; d >= 0; --d, left /= sizes[d + 1])
        ivs[d] = e.index(left % sizes[d]);
      PullEmitter::Scope scope(e);
      accs = body(ivs, accs);
    }
    return accs;
  }

  SmallVector<int64_t> groups(ArrayRef<int64_t> spatial) {
    SmallVector<int64_t> sizes{w.outer};
    sizes.append(spatial.begin(), spatial.end());
    return sizes;
  }

  /// Position in x that offset `ks` of window `os` names, and whether it is inside.
  std::pair<Coord, Value> input(const Coord &outer, ArrayRef<Value> os, ArrayRef<Value> ks) {
    Coord at = outer;
    Value inside;
    for (size_t d = 0; d < w.rank(); ++d) {
      Value p = e.add(e.mul(os[d], e.index(w.strides[d])), e.mul(ks[d], e.index(w.dilations[d])));
      p = e.sub(p, e.index(w.lo[d]));
      int64_t last = (w.out[d] - 1) * w.strides[d] + (w.size[d] - 1) * w.dilations[d] - w.lo[d];
      if (w.lo[d] > 0 || last >= w.in[d])
        inside = e.both(inside, e.within(p, w.in[d]));
      if (w.in[d] > 1)
        at.push_back({p, w.in[d]});
    }
    return {at, inside};
  }

  SmallVector<Value> positions(ArrayRef<Coord> groups) {
    SmallVector<Value> values;
    for (const Coord &group : groups)
      values.push_back(e.linear(group));
    return values;
  }

  /// Elements of window `os` that count for a mean.
  Value count(ArrayRef<Value> os, bool includePad, Type type) {
    Value n = e.index(1), zero = e.index(0);
    auto ceilDiv = [&](Value a, int64_t b) -> Value {
      a = arith::MaxSIOp::create(e.builder, e.loc, a, zero);
      if (b == 1)
        return a;
      return arith::DivUIOp::create(e.builder, e.loc, e.add(a, e.index(b - 1)), e.index(b));
    };
    for (size_t d = 0; d < w.rank(); ++d) {
      Value start = e.sub(e.mul(os[d], e.index(w.strides[d])), e.index(w.lo[d]));
      int64_t end = w.in[d] + (includePad ? w.hi[d] : 0);
      Value to = ceilDiv(e.sub(e.index(end), start), w.dilations[d]);
      to = arith::MinSIOp::create(e.builder, e.loc, to, e.index(w.size[d]));
      if (!includePad) {
        Value from = ceilDiv(arith::SubIOp::create(e.builder, e.loc, zero, start), w.dilations[d]);
        to = arith::MaxSIOp::create(e.builder, e.loc, arith::SubIOp::create(e.builder, e.loc, to, from), zero);
      }
      n = e.mul(n, to);
    }
    n = arith::MaxSIOp::create(e.builder, e.loc, n, e.index(1)); // a window that lies in padding only: 0/1
    n = arith::IndexCastOp::create(e.builder, e.loc, e.builder.getI64Type(), n);
    return arith::SIToFPOp::create(e.builder, e.loc, type, n);
  }

  /// Sums `value(os, ks)` over the windows os that hold position `ps` of x at offset ks.
  Value sumOverWindows(ArrayRef<Value> ps, Type type, function_ref<Value(ArrayRef<Value>, ArrayRef<Value>)> value) {
    // Without dilation the windows are t = 0, 1, … before the last that starts at or before p; with it, all offsets are
    // tried.
    bool dense = llvm::all_of(w.dilations, [](int64_t d) { return d == 1; });
    SmallVector<int64_t> tries;
    for (size_t d = 0; d < w.rank(); ++d)
      tries.push_back(dense ? (w.size[d] + w.strides[d] - 1) / w.strides[d] : w.size[d]);
    return walk(tries, e.number(type, 0), [&](ArrayRef<Value> ts, ValueRange accs) {
      SmallVector<Value> os, ks;
      Value valid;
      for (size_t d = 0; d < w.rank(); ++d) {
        Value p = e.add(ps[d], e.index(w.lo[d])), stride = e.index(w.strides[d]);
        if (dense) {
          Value o = w.strides[d] == 1 ? p : arith::DivUIOp::create(e.builder, e.loc, p, stride).getResult();
          o = e.sub(o, ts[d]);
          Value k = arith::SubIOp::create(e.builder, e.loc, p, e.mul(o, stride));
          valid = e.both(valid, e.both(e.within(o, w.out[d]), e.within(k, w.size[d])));
          os.push_back(o);
          ks.push_back(k);
          continue;
        }
        Value start = arith::SubIOp::create(e.builder, e.loc, p, e.mul(ts[d], e.index(w.dilations[d])));
        Value o = arith::DivSIOp::create(e.builder, e.loc, start, stride);
        Value exact = arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::eq, e.mul(o, stride), start);
        valid = e.both(valid, e.both(exact, e.within(o, w.out[d])));
        os.push_back(o);
        ks.push_back(ts[d]);
      }
      Value acc = accs[0];
      return SmallVector<Value>{e.branch(
          valid, [&] { return arith::AddFOp::create(e.builder, e.loc, acc, value(os, ks)).getResult(); },
          [&] { return acc; })};
    })[0];
  }
};
} // namespace

Value PullEmitter::emitMaxPool(MaxPoolOp op, const Coord &at) {
  Window w(op, shapeOf(op.getX()), op.getType().getShape());
  WindowEmitter windows{*this, w};
  SmallVector<Coord> groups = split(at, windows.groups(w.out));
  SmallVector<Value> os = windows.positions(ArrayRef<Coord>(groups).drop_front());
  Value least = neutral(ReduceKind::Max, op.getType().getElementType());
  return windows.walk(w.size, least, [&](ArrayRef<Value> ks, ValueRange accs) {
    auto [source, inside] = windows.input(groups[0], os, ks);
    Value acc = accs[0];
    return SmallVector<Value>{branch(
        inside, [&, source = source] { return combine(ReduceKind::Max, acc, pull(op.getX(), source)); },
        [&] { return acc; })};
  })[0];
}

Value PullEmitter::emitMaxPoolGrad(MaxPoolGradOp op, const Coord &at) {
  Window w(op, op.getType().getShape(), shapeOf(op.getDy()));
  WindowEmitter windows{*this, w};
  Type type = op.getType().getElementType();
  SmallVector<Coord> groups = split(at, windows.groups(w.in));
  SmallVector<Value> ps = windows.positions(ArrayRef<Coord>(groups).drop_front());
  auto number = [&](ArrayRef<Value> ks) { // row-major number of a window offset
    Coord digits;
    for (auto [k, size] : llvm::zip(ks, w.size))
      if (size > 1)
        digits.push_back({k, size});
    return linear(digits);
  };
  return windows.sumOverWindows(ps, type, [&](ArrayRef<Value> os, ArrayRef<Value> ks) {
    // The first largest element of window `os`; NaN is larger than anything, as in max_pool.
    Value none = index(-1);
    SmallVector<Value> best =
        windows.walk(w.size, {neutral(ReduceKind::Max, type), none}, [&](ArrayRef<Value> each, ValueRange accs) {
          auto [source, inside] = windows.input(groups[0], os, each);
          Value x = branch(
              inside, [&, source = source] { return pull(op.getX(), source); },
              [&] { return neutral(ReduceKind::Max, type); });
          Value larger = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UGT, x, accs[0]);
          Value sane = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ORD, accs[0], accs[0]);
          Value first = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, accs[1], none);
          Value take = arith::OrIOp::create(builder, loc, first, arith::AndIOp::create(builder, loc, larger, sane));
          if (inside)
            take = arith::AndIOp::create(builder, loc, take, inside);
          return SmallVector<Value>{arith::SelectOp::create(builder, loc, take, x, accs[0]),
                                    arith::SelectOp::create(builder, loc, take, number(each), accs[1])};
        });
    Value mine = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, best[1], number(ks));
    Coord source = groups[0];
    for (auto [o, size] : llvm::zip(os, w.out))
      if (size > 1)
        source.push_back({o, size});
    return arith::SelectOp::create(builder, loc, mine, pull(op.getDy(), source), this->number(type, 0)).getResult();
  });
}

Value PullEmitter::emitAvgPool(AvgPoolOp op, const Coord &at) {
  Window w(op, shapeOf(op.getX()), op.getType().getShape());
  WindowEmitter windows{*this, w};
  Type type = op.getType().getElementType();
  SmallVector<Coord> groups = split(at, windows.groups(w.out));
  SmallVector<Value> os = windows.positions(ArrayRef<Coord>(groups).drop_front());
  Value sum = windows.walk(w.size, number(type, 0), [&](ArrayRef<Value> ks, ValueRange accs) {
    auto [source, inside] = windows.input(groups[0], os, ks);
    Value acc = accs[0];
    return SmallVector<Value>{branch(
        inside, [&, source = source] { return combine(ReduceKind::Sum, acc, pull(op.getX(), source)); },
        [&] { return acc; })};
  })[0];
  return arith::DivFOp::create(builder, loc, sum, windows.count(os, op.getCountIncludePad(), type));
}

Value PullEmitter::emitAvgPoolGrad(AvgPoolGradOp op, const Coord &at) {
  Window w(op, op.getType().getShape(), shapeOf(op.getDy()));
  WindowEmitter windows{*this, w};
  Type type = op.getType().getElementType();
  SmallVector<Coord> groups = split(at, windows.groups(w.in));
  SmallVector<Value> ps = windows.positions(ArrayRef<Coord>(groups).drop_front());
  return windows.sumOverWindows(ps, type, [&](ArrayRef<Value> os, ArrayRef<Value>) {
    Coord source = groups[0];
    for (auto [o, size] : llvm::zip(os, w.out))
      if (size > 1)
        source.push_back({o, size});
    Value count = windows.count(os, op.getCountIncludePad(), type);
    return arith::DivFOp::create(builder, loc, pull(op.getDy(), source), count).getResult();
  });
}
