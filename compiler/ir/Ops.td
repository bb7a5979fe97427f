// Ops of the llcc dialect. Shapes are static everywhere.
#ifndef LLCC_OPS_TD
#define LLCC_OPS_TD

include "Dialect.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/IR/SymbolInterfaces.td"

def Llcc_Tensor : Type<And<[StaticShapeTensorOf<[AnyType]>.predicate]>, "statically shaped tensor", "::mlir::RankedTensorType">;
def Llcc_Float : Type<And<[StaticShapeTensorOf<[AnyFloat]>.predicate]>, "statically shaped float tensor", "::mlir::RankedTensorType">;
def Llcc_Int : Type<And<[StaticShapeTensorOf<[AnySignlessInteger]>.predicate]>, "statically shaped integer tensor", "::mlir::RankedTensorType">;

class Llcc_Op<string mnemonic, list<Trait> traits = []> : Op<Llcc_Dialect, mnemonic, traits>;

//===-- Shape changes, reductions (life-span: import .. lower) --------------===//

class Llcc_UnaryShapeOp<string mnemonic> : Llcc_Op<mnemonic, [Pure]> {
  let results = (outs Llcc_Tensor:$result);
  let hasVerifier = 1;
}

def Llcc_BroadcastOp : Llcc_UnaryShapeOp<"broadcast"> {
  let summary = "repeats a tensor along new or unit dimensions";
  let description = [{
    Dimension i of `x` becomes dimension `dims[i]` of the result.
    (C1) one entry in dims for each dimension of x, strictly increasing, within the result's rank;
    (C2) size of x at i is 1 or the result's size at dims[i]; (C3) element types equal.
    `%y = llcc.broadcast %x dims [1] : tensor<128xf32> -> tensor<64x128xf32>`
  }];
  let arguments = (ins Llcc_Tensor:$x, DenseI64ArrayAttr:$dims);
  let assemblyFormat = "$x `dims` $dims attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Llcc_ReshapeOp : Llcc_UnaryShapeOp<"reshape"> {
  let summary = "same elements in row-major order, other shape";
  let description = "(C1) equal number of elements; (C2) element types equal.";
  let arguments = (ins Llcc_Tensor:$x);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Llcc_TransposeOp : Llcc_UnaryShapeOp<"transpose"> {
  let summary = "result dimension i is dimension perm[i] of x";
  let description = "(C1) perm is a permutation of x's dimensions; (C2) result sizes follow.";
  let arguments = (ins Llcc_Tensor:$x, DenseI64ArrayAttr:$perm);
  let assemblyFormat = "$x `perm` $perm attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Llcc_ReduceOp : Llcc_UnaryShapeOp<"reduce"> {
  let summary = "combines all elements along dims; these dimensions go away";
  let description = [{
    (C1) dims strictly increasing, within rank; (C2) the result has x's other dimensions in order.
    An empty dimension gives the neutral element (0, -inf, +inf, 1).
    `%s = llcc.reduce <sum> %x dims [1] : tensor<64x10xf32> -> tensor<64xf32>`
  }];
  let arguments = (ins Llcc_Tensor:$x, Llcc_ReduceKindAttr:$kind, DenseI64ArrayAttr:$dims);
  let assemblyFormat = "$kind $x `dims` $dims attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Llcc_SliceOp : Llcc_UnaryShapeOp<"slice"> {
  let summary = "a strided box of x";
  let description = [{
    result[i] = x[starts + i*strides]. (C1) one start and one stride >= 1 for each dimension; (C2) the box lies in x.
  }];
  let arguments = (ins Llcc_Tensor:$x, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$strides);
  let assemblyFormat = "$x `starts` $starts `strides` $strides attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Llcc_ReverseOp : Llcc_UnaryShapeOp<"reverse"> {
  let summary = "x backwards along dims";
  let description = "(C1) dims strictly increasing, within rank; (C2) the result has x's shape.";
  let arguments = (ins Llcc_Tensor:$x, DenseI64ArrayAttr:$dims);
  let assemblyFormat = "$x `dims` $dims attr-dict `:` type($x) `->` type($result)";
}

def Llcc_PadOp : Llcc_UnaryShapeOp<"pad"> {
  let summary = "x with constant borders";
  let description = [{
    `interior` gives the number of fill elements between neighbours (0: none), so that the gradient of a strided slice is a pad.
    (C1) lo, hi, interior >= 0, one for each dimension; (C2) result size = lo + n + max(n-1,0)*interior + hi.
  }];
  let arguments = (ins Llcc_Tensor:$x, DenseI64ArrayAttr:$lo, DenseI64ArrayAttr:$hi, DenseI64ArrayAttr:$interior, DefaultValuedAttr<F64Attr, "0.0">:$value);
  let assemblyFormat = "$x `lo` $lo `hi` $hi `interior` $interior attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Llcc_ConcatOp : Llcc_Op<"concat", [Pure]> {
  let summary = "operands one after the other along dim";
  let arguments = (ins Variadic<Llcc_Tensor>:$xs, I64Attr:$dim);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "$xs `dim` $dim attr-dict `:` type($xs) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Llcc_IotaOp : Llcc_Op<"iota", [Pure]> {
  let summary = "each element is its index along dim";
  let arguments = (ins I64Attr:$dim);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "`dim` $dim attr-dict `:` type($result)";
  let hasVerifier = 1;
}

//===-- Random bits, training and inference ---------------------------------===//

def Llcc_RandomBitsOp : Llcc_Op<"random_bits", [Pure]> {
  let summary = "32 random bits for each index: word 0 of Philox 4x32-10 (Salmon et al., SC 2011)";
  let description = [{
    Counter (low 32 bits of index, high 32 bits of index, low 32 bits of stream, step), key = seed + high 32 bits of stream. So the bits depend on numbers
    alone: not on who computes them, in which order, or how often. `key` holds (seed, step), i64 scalars; where it is empty both are 0.
    (C1) the result has index's shape, i32; index is i64; (C2) key has no or two scalars of i64.
  }];
  let arguments = (ins Llcc_Int:$index, Variadic<Llcc_Int>:$key, I64Attr:$stream);
  let results = (outs Llcc_Int:$result);
  let assemblyFormat = "$index `stream` $stream `key` `(` $key `)` attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Llcc_ByModeOp : Llcc_Op<"by_mode", [Pure, SameOperandsAndResultType, Elementwise]> {
  let summary = "`training` in a training step, `inference` elsewhere; life-span: import .. llcc-split-modes";
  let arguments = (ins Llcc_Tensor:$training, Llcc_Tensor:$inference);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "$training `,` $inference attr-dict `:` type($result)";
}

def Llcc_TrackOp : Llcc_Op<"track", [Pure]> {
  let summary = "x; a training step moves the parameter `running` towards `value`. Life-span: import .. llcc-decompose";
  let description = [{
    After each microbatch, in their order: running = momentum * running + (1 - momentum) * value.
    The state goes with x, so that a part of the model that the loss does not need is not tracked either.
    (C1) result type = type of x; (C2) value has the type of running; (C3) momentum is a number from 0 to 1.
  }];
  let arguments = (ins Llcc_Tensor:$x, Llcc_Float:$running, Llcc_Float:$value, F64Attr:$momentum);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "$x `,` $running `by` $value `momentum` $momentum attr-dict `:` type($x) `,` type($running) `,` type($value) `->` type($result)";
  let hasVerifier = 1;
}

//===-- Indexing ------------------------------------------------------------===//

def Llcc_GatherOp : Llcc_Op<"gather", [Pure]> {
  let summary = "ONNX Gather: result[pre, idx.., post] = table[pre, indices[idx..], post]";
  let description = [{
    Negative indices count from the end; an index out of range reads as if clamped (labels and ids are checked by the loader).
    The first `batch` dimensions of table and indices run together: result[b.., pre, idx.., post] = table[b.., pre, indices[b.., idx..], post]
    (GatherElements, GatherND with batch_dims, TopK).
    (C1) 0 <= batch <= axis, and the first `batch` sizes of table and indices are equal; (C2) result shape = table[:axis] + indices[batch:] + table[axis+1:].
    `%y = llcc.gather %t, %i axis 1 {batch = 1 : i64} : tensor<4x9xf32>, tensor<4x2xi64> -> tensor<4x2xf32>`
  }];
  let arguments = (ins Llcc_Tensor:$table, Llcc_Int:$indices, I64Attr:$axis, DefaultValuedAttr<I64Attr, "0">:$batch);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "$table `,` $indices `axis` $axis attr-dict `:` type($table) `,` type($indices) `->` type($result)";
  let hasVerifier = 1;
}

def Llcc_ScatterAddOp : Llcc_Op<"scatter_add", [Pure]> {
  let summary = "gradient of gather: zeros of the table's shape plus every update at its index, in index order";
  let description = "Constraints as gather, with the result in the table's and the updates in the result's place.";
  let arguments = (ins Llcc_Float:$updates, Llcc_Int:$indices, I64Attr:$axis, DefaultValuedAttr<I64Attr, "0">:$batch);
  let results = (outs Llcc_Float:$result);
  let assemblyFormat = "$updates `,` $indices `axis` $axis attr-dict `:` type($updates) `,` type($indices) `->` type($result)";
  let hasVerifier = 1;
}

def Llcc_ScatterOp : Llcc_Op<"scatter", [Pure]> {
  let summary = "data, each update put (or with a kind combined) at its index, in index order";
  let description = [{
    ONNX ScatterElements and ScatterND: result[b.., pre, indices[b.., idx..], post] = updates[b.., pre, idx.., post], or kind(result there, update).
    Of updates that name one place without a kind the last one stays. Negative indices count from the end; an update whose index is out of
    range is dropped (rows of padding have such an index).
    (C1) as gather, with data in the table's and updates in the result's place; (C2) the result has the type of data.
    `%y = llcc.scatter %x, %u, %i axis 0 by <sum> : tensor<9xf32>, tensor<4xf32>, tensor<4xi64>`
  }];
  let arguments = (ins Llcc_Tensor:$data, Llcc_Tensor:$updates, Llcc_Int:$indices, I64Attr:$axis, DefaultValuedAttr<I64Attr, "0">:$batch,
                       OptionalAttr<Llcc_ReduceKindAttr>:$kind);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "$data `,` $updates `,` $indices `axis` $axis (`by` $kind^)? attr-dict `:` type($data) `,` type($updates) `,` type($indices) `->` type($result)";
  let hasVerifier = 1;
}

def Llcc_ArgsortOp : Llcc_Op<"argsort", [Pure]> {
  let summary = "indices along axis that sort x: result[.., j, ..] is where the j-th smallest element stands";
  let description = [{
    With `descending` the j-th largest. Equal elements stand in index order either way; NaN counts as largest.
    (C1) axis is a dimension of x; (C2) the result has x's shape.
    `%i = llcc.argsort %x axis 1 descending : tensor<8x5xf32> -> tensor<8x5xi64>`
  }];
  let arguments = (ins Llcc_Tensor:$x, I64Attr:$axis, UnitAttr:$descending);
  let results = (outs Llcc_Int:$result);
  let assemblyFormat = "$x `axis` $axis (`descending` $descending^)? attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

//===-- Contractions, convolution, pooling ----------------------------------===//

def Llcc_DotOp : Llcc_Op<"dot", [Pure]> {
  let summary = "contraction: result dims = batch, lhs free, rhs free";
  let description = [{
    (C1) lhs_batch and rhs_batch pair up with equal sizes, so do lhs_contract and rhs_contract; (C2) no dimension is named
    twice; (C3) result shape = batch dims (in lhs_batch order) + free dims of lhs + free dims of rhs; (C4) float element types equal.
  }];
  let arguments = (ins Llcc_Float:$lhs, Llcc_Float:$rhs, DenseI64ArrayAttr:$lhs_batch, DenseI64ArrayAttr:$rhs_batch,
                       DenseI64ArrayAttr:$lhs_contract, DenseI64ArrayAttr:$rhs_contract);
  let results = (outs Llcc_Float:$result);
  let assemblyFormat = [{ $lhs `,` $rhs `batch` $lhs_batch `x` $rhs_batch `contract` $lhs_contract `x` $rhs_contract
                          attr-dict `:` type($lhs) `,` type($rhs) `->` type($result) }];
  let hasVerifier = 1;
}

// Windows over the spatial dimensions of N C D1..Dn: one entry for each spatial dimension.
defvar windowAttrs = (ins DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads_lo, DenseI64ArrayAttr:$pads_hi, DenseI64ArrayAttr:$dilations);

class Llcc_ConvBase<string mnemonic, dag operands> : Llcc_Op<mnemonic, [Pure]> {
  let arguments = !con(operands, windowAttrs, (ins I64Attr:$groups));
  let results = (outs Llcc_Float:$result);
  let hasVerifier = 1;
}
def Llcc_ConvOp : Llcc_ConvBase<"conv", (ins Llcc_Float:$x, Llcc_Float:$w)> {
  let summary = "cross-correlation; x: [N, C, spatial..], w: [M, C/groups, kernel..] -> [N, M, out..]";
  let description = "(C1) ranks equal, >= 3; (C2) out = floor((D + lo + hi - dil*(K-1) - 1)/stride) + 1; (C3) C, M divisible by groups.";
  let assemblyFormat = "$x `,` $w attr-dict `:` type($x) `,` type($w) `->` type($result)";
}
def Llcc_ConvInputGradOp : Llcc_ConvBase<"conv_input_grad", (ins Llcc_Float:$dy, Llcc_Float:$w)> {
  let summary = "d loss / d x of conv; dy: [N, M, out..], w: [M, C/groups, kernel..] -> [N, C, spatial..]";
  let assemblyFormat = "$dy `,` $w attr-dict `:` type($dy) `,` type($w) `->` type($result)";
}
def Llcc_ConvWeightGradOp : Llcc_ConvBase<"conv_weight_grad", (ins Llcc_Float:$x, Llcc_Float:$dy)> {
  let summary = "d loss / d w of conv; x: [N, C, spatial..], dy: [N, M, out..] -> [M, C/groups, kernel..]";
  let assemblyFormat = "$x `,` $dy attr-dict `:` type($x) `,` type($dy) `->` type($result)";
}

class Llcc_PoolBase<string mnemonic, dag operands, dag extra = (ins)> : Llcc_Op<mnemonic, [Pure]> {
  let arguments = !con(operands, (ins DenseI64ArrayAttr:$window), windowAttrs, extra);
  let results = (outs Llcc_Float:$result);
  let hasVerifier = 1;
}
def Llcc_MaxPoolOp : Llcc_PoolBase<"max_pool", (ins Llcc_Float:$x)> {
  let summary = "largest element of each window; padding never wins";
  let description = "x: [N, C, spatial..]. The output size is the result type's (floor or ceil mode); windows may hang over the end.";
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
}
def Llcc_MaxPoolGradOp : Llcc_PoolBase<"max_pool_grad", (ins Llcc_Float:$x, Llcc_Float:$dy)> {
  let summary = "each dy goes to the first largest element of its window (row-major order)";
  let assemblyFormat = "$x `,` $dy attr-dict `:` type($x) `,` type($dy) `->` type($result)";
}
def Llcc_AvgPoolOp : Llcc_PoolBase<"avg_pool", (ins Llcc_Float:$x), (ins BoolAttr:$count_include_pad)> {
  let summary = "mean of each window; padding counts if count_include_pad (elements past the padded end never do)";
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
}
def Llcc_AvgPoolGradOp : Llcc_PoolBase<"avg_pool_grad", (ins Llcc_Float:$dy), (ins BoolAttr:$count_include_pad)> {
  let summary = "gradient of avg_pool; the result has x's shape";
  let assemblyFormat = "$dy attr-dict `:` type($dy) `->` type($result)";
}

//===-- Recurrence ----------------------------------------------------------===//
// T steps, B sequences, H units, G gates: lstm 4 (input, output, forget, cell), gru 3 (update, reset, hidden), rnn 1, in ONNX's order.

// What both ops say of the cell.
defvar recurrenceAttrs = (ins StrAttr:$kind, StrArrayAttr:$activations, DenseF64ArrayAttr:$alphas, DenseF64ArrayAttr:$betas,
                          DefaultValuedAttr<F64Attr, "0.0">:$clip, UnitAttr:$reverse, UnitAttr:$input_forget, UnitAttr:$linear_before_reset);

def Llcc_RecurrenceOp : Llcc_Op<"recurrence", [Pure, AttrSizedOperandSegments]> {
  let summary = "all steps of one layer and direction of an LSTM, GRU or RNN, behind the product with the input";
  let description = [{
    x: [T, B, G*H], the input's part of each gate's argument with all biases (but hidden_bias) in it; r: [G*H, H]; h0, c0 (lstm): [B, H];
    peepholes (lstm): [3*H], for input, output, forget gate; hidden_bias (gru with linear_before_reset): [H]; lengths: [B] integers,
    steps from a sequence's length on do nothing and give zeros. Formulas: ONNX LSTM-22, GRU-22, RNN-22.
    y: [T, B, H]; cells (lstm): [T, B, H]; gates, for the gradient: [T, B, 4*H] of lstm; of gru [T, B, 3*H], and with linear_before_reset
    a fourth one, h*R_h + hidden_bias; none of rnn, whose gate is y. `reverse`: from the last step to the first. `clip` > 0 bounds the argument of each activation.
    (C1) shapes as said; (C2) activations, alphas and betas have one entry for each function (lstm f, g, h; gru f, g; rnn f);
    (C3) c0, cells, peepholes, input_forget only for lstm, linear_before_reset and with it hidden_bias only for gru.
    Made by import, never removed: lower makes it one instruction, whose loop is in the runtime (passes/lower/README.md).
  }];
  let arguments = !con((ins Llcc_Float:$x, Llcc_Float:$r, Llcc_Float:$h0, Optional<Llcc_Float>:$c0, Optional<Llcc_Float>:$peepholes,
                            Optional<Llcc_Float>:$hidden_bias, Optional<Llcc_Int>:$lengths), recurrenceAttrs);
  let results = (outs Llcc_Float:$y, Variadic<Llcc_Float>:$saved);
  let assemblyFormat = [{ $kind $activations `of` $x `,` $r `,` $h0 (`cell` $c0^)? (`peepholes` $peepholes^)? (`bias` $hidden_bias^)? (`lengths` $lengths^)?
                          attr-dict `:` functional-type(operands, results) }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Values for the gradient; null where the kind has none.
    ::mlir::Value getCells() { return getKind() == "lstm" ? getSaved()[0] : ::mlir::Value(); }
    ::mlir::Value getGates() { return getSaved().empty() ? ::mlir::Value() : getSaved().back(); }
  }];
}
def Llcc_RecurrenceGradOp : Llcc_Op<"recurrence_grad", [Pure, AttrSizedOperandSegments]> {
  let summary = "gradient of recurrence by x and the initial state; that by r is a product over all steps of dx and y";
  let description = [{
    Operands as of recurrence, its results, and their cotangents dy and dcells (none: zero); results dx, dh0 and, of lstm, dc0.
    Where clip or a flat piece of an activation bound a gate, nothing flows.
    Made by llcc-differentiate, never removed.
  }];
  let arguments = !con((ins Llcc_Float:$r, Llcc_Float:$h0, Llcc_Float:$y, Llcc_Float:$dy, Optional<Llcc_Float>:$c0, Optional<Llcc_Float>:$cells,
                            Optional<Llcc_Float>:$gates, Optional<Llcc_Float>:$dcells, Optional<Llcc_Float>:$peepholes, Optional<Llcc_Int>:$lengths), recurrenceAttrs);
  let results = (outs Llcc_Float:$dx, Llcc_Float:$dh0, Optional<Llcc_Float>:$dc0);
  let assemblyFormat = [{ $kind $activations `of` $r `,` $h0 `,` $y `,` $dy (`cell` $c0^)? (`cells` $cells^)? (`gates` $gates^)? (`dcells` $dcells^)?
                          (`peepholes` $peepholes^)? (`lengths` $lengths^)? attr-dict `:` functional-type(operands, results) }];
  let hasVerifier = 1;
}

//===-- Whole for differentiation (life-span: import .. llcc-decompose) -----===//

class Llcc_WholeUnaryOp<string mnemonic, list<Trait> traits = []> : Llcc_Op<mnemonic, !listconcat([Pure, SameOperandsAndResultType], traits)> {
  let results = (outs Llcc_Float:$result);
}
def Llcc_SigmoidOp : Llcc_WholeUnaryOp<"sigmoid", [Elementwise]> {
  let summary = "1/(1+exp(-x))";
  let arguments = (ins Llcc_Float:$x);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}
def Llcc_SoftplusOp : Llcc_WholeUnaryOp<"softplus", [Elementwise]> {
  let summary = "log(1+exp(x)), without overflow";
  let arguments = (ins Llcc_Float:$x);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}
def Llcc_GeluOp : Llcc_WholeUnaryOp<"gelu", [Elementwise]> {
  let summary = "x*Phi(x); with `tanh` the approximation of ONNX Gelu approximate=tanh";
  let arguments = (ins Llcc_Float:$x, UnitAttr:$tanh);
  let assemblyFormat = "$x (`tanh` $tanh^)? attr-dict `:` type($x)";
}
def Llcc_SoftmaxOp : Llcc_WholeUnaryOp<"softmax"> {
  let summary = "exp(x - max) / sum along axis";
  let arguments = (ins Llcc_Float:$x, I64Attr:$axis);
  let assemblyFormat = "$x `axis` $axis attr-dict `:` type($x)";
  let hasVerifier = 1;
}
def Llcc_LogSoftmaxOp : Llcc_WholeUnaryOp<"log_softmax"> {
  let summary = "x - max - log(sum(exp(x - max))) along axis";
  let arguments = (ins Llcc_Float:$x, I64Attr:$axis);
  let assemblyFormat = "$x `axis` $axis attr-dict `:` type($x)";
  let hasVerifier = 1;
}
def Llcc_StandardizeOp : Llcc_WholeUnaryOp<"standardize"> {
  let summary = "(x - mean)/sqrt(var + epsilon), mean and population variance over dims";
  let description = "(C1) dims strictly increasing, within rank; (C2) epsilon >= 0.";
  let arguments = (ins Llcc_Float:$x, DenseI64ArrayAttr:$dims, F64Attr:$epsilon);
  let assemblyFormat = "$x `dims` $dims `epsilon` $epsilon attr-dict `:` type($x)";
  let hasVerifier = 1;
}
def Llcc_LayerNormOp : Llcc_Op<"layer_norm", [Pure]> {
  let summary = "(x - mean)/sqrt(var + epsilon) * scale + bias over dimensions axis..; population variance";
  let description = "(C1) scale and bias have x's dimensions from axis on; (C2) result type = type of x.";
  let arguments = (ins Llcc_Float:$x, Llcc_Float:$scale, Optional<Llcc_Float>:$bias, I64Attr:$axis, F64Attr:$epsilon);
  let results = (outs Llcc_Float:$result);
  let assemblyFormat = "$x `,` $scale (`,` $bias^)? `axis` $axis `epsilon` $epsilon attr-dict `:` type($x) `,` type($scale) (`,` type($bias)^)? `->` type($result)";
  let hasVerifier = 1;
}

def Llcc_UpdateOp : Llcc_Op<"update", [Pure]> {
  let summary = "one optimizer step on one parameter";
  let description = [{
    `kind` is sgd | momentum | adam | adamw; `hyper` holds its numbers (f64): momentum; beta1, beta2, epsilon; weight_decay; nesterov.
    state: none | velocity | m, v | m, v. Formulas and sources: passes/train/README.md.
    (C1) grad and every state have the type of param; (C2) results = updated param, updated states;
    (C3) lr: tensor<f32 or f64>, step: tensor<f64>, the number of this step, from 1.
  }];
  let arguments = (ins Llcc_Float:$param, Llcc_Float:$grad, Variadic<Llcc_Float>:$state, Llcc_Float:$lr, Llcc_Float:$step,
                       StrAttr:$kind, DictionaryAttr:$hyper);
  let results = (outs Llcc_Float:$new_param, Variadic<Llcc_Float>:$new_state);
  let assemblyFormat = [{ $kind $param `,` $grad `state` `(` $state `)` `lr` $lr `step` $step `hyper` $hyper attr-dict `:` functional-type(operands, results) }];
  let hasVerifier = 1;
}

//===-- Markers -------------------------------------------------------------===//

def Llcc_CaptureOp : Llcc_Op<"capture"> {
  let summary = "shows a value to the host under a name (loss, gradients of a step); never removed";
  let description = "kind: loss | grad_norm | gradient. The operand is never partial after sharding.";
  let arguments = (ins Llcc_Tensor:$x, StrAttr:$kind, StrAttr:$name);
  let assemblyFormat = "$kind $name $x attr-dict `:` type($x)";
}

//===-- Sharding (life-span: shard stage) -----------------------------------===//

def Llcc_ReshardOp : Llcc_Op<"reshard", [Pure]> {
  let summary = "same logical value, other placement; gone after llcc-plan-reshards";
  let arguments = (ins Llcc_Tensor:$x);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

//===-- Collectives (made by llcc-plan-reshards; placed or local types) -----===//
// With placed types (sharding encoding) the shapes are logical and the encodings tell what moves; with local types
// (no encoding) the shapes are the members' own. Groups: the devices that differ only along `axes`; the member number is
// the row-major index along `axes`, major first.

def Llcc_AllReduceOp : Llcc_Op<"all_reduce", [Pure]> {
  let summary = "reduction over the group, result everywhere; several tensors are one bucket";
  let description = "(C1) as many results as operands, types pairwise equal (local) ; (C2) axes not empty. Members combine in member order.";
  let arguments = (ins Variadic<Llcc_Tensor>:$xs, Llcc_ReduceKindAttr:$kind, StrArrayAttr:$axes);
  let results = (outs Variadic<Llcc_Tensor>:$results);
  let assemblyFormat = "$kind $xs `over` $axes attr-dict `:` type($xs) `->` type($results)";
  let hasVerifier = 1;
}
def Llcc_AllGatherOp : Llcc_Op<"all_gather", [Pure]> {
  let summary = "blocks of all members one after the other along dim, cut to `size` (drops the padding); several tensors are one bucket";
  let description = [{
    local: result size at dim = size <= members * operand size.
    (C1) as many results, dims and sizes as operands, at least one; (C2) axes not empty.
    `%y:2 = llcc.all_gather %a, %b dim 0, 1 size 10, 7 over ["data"] : tensor<5x4xf32>, tensor<3x4xf32> -> tensor<10x4xf32>, tensor<3x7xf32>`
  }];
  let arguments = (ins Variadic<Llcc_Tensor>:$xs, DenseI64ArrayAttr:$dims, DenseI64ArrayAttr:$sizes, StrArrayAttr:$axes);
  let results = (outs Variadic<Llcc_Tensor>:$results);
  let assemblyFormat = "$xs `dim` custom<Numbers>($dims) `size` custom<Numbers>($sizes) `over` $axes attr-dict `:` type($xs) `->` type($results)";
  let hasVerifier = 1;
}
def Llcc_ReduceScatterOp : Llcc_Op<"reduce_scatter", [Pure]> {
  let summary = "reduction over the group, member i keeps block i along dim (padded blocks of ceil(n/members)); several tensors are one bucket";
  let description = "(C1) as many results and dims as operands, at least one; (C2) axes not empty. Members combine in member order.";
  let arguments = (ins Variadic<Llcc_Tensor>:$xs, Llcc_ReduceKindAttr:$kind, DenseI64ArrayAttr:$dims, StrArrayAttr:$axes);
  let results = (outs Variadic<Llcc_Tensor>:$results);
  let assemblyFormat = "$kind $xs `dim` custom<Numbers>($dims) `over` $axes attr-dict `:` type($xs) `->` type($results)";
  let hasVerifier = 1;
}
def Llcc_AllToAllOp : Llcc_Op<"all_to_all", [Pure]> {
  let summary = "cuts x along split_dim into padded blocks, block i goes to member i; what comes in is joined along concat_dim and cut to `size`";
  let arguments = (ins Llcc_Tensor:$x, I64Attr:$split_dim, I64Attr:$concat_dim, I64Attr:$size, StrArrayAttr:$axes);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "$x `split` $split_dim `concat` $concat_dim `size` $size `over` $axes attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}
def Llcc_AxisSliceOp : Llcc_Op<"axis_slice", [Pure]> {
  let summary = "member i keeps block i of ceil(n/members) along dim; past the end zeros. No communication";
  let arguments = (ins Llcc_Tensor:$x, I64Attr:$dim, StrArrayAttr:$axes);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "$x `dim` $dim `over` $axes attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}
def Llcc_MaskOp : Llcc_Op<"mask", [Pure, SameOperandsAndResultType]> {
  let summary = "replaces the padding of a cut dimension by value (local types)";
  let description = [{
    Dimension dim holds the member's nested padded block (see #llcc.sharding) of a logical dimension of size `extent` over `axes`.
    Elements that are padding at any level become `value`.
  }];
  let arguments = (ins Llcc_Tensor:$x, I64Attr:$dim, I64Attr:$extent, StrArrayAttr:$axes, F64Attr:$value);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "$x `dim` $dim `extent` $extent `over` $axes `value` $value attr-dict `:` type($x)";
  let hasVerifier = 1;
}
def Llcc_AxisOffsetOp : Llcc_Op<"axis_offset", [Pure]> {
  let summary = "logical index of this member's first element along a dimension of size `extent` cut over `axes` (sum ci*Li)";
  let arguments = (ins I64Attr:$extent, StrArrayAttr:$axes);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "`extent` $extent `over` $axes attr-dict `:` type($result)";
  let hasVerifier = 1;
}
def Llcc_SendOp : Llcc_Op<"send"> {
  let summary = "hands x to the device with the same coordinates in another pipeline stage; sends and receives between two stages match in order";
  let arguments = (ins Llcc_Tensor:$x, I64Attr:$to, I64Attr:$tag);
  let assemblyFormat = "$x `to` $to `tag` $tag attr-dict `:` type($x)";
}
def Llcc_RecvOp : Llcc_Op<"recv"> {
  let summary = "counterpart of send";
  let arguments = (ins I64Attr:$from, I64Attr:$tag);
  let results = (outs Llcc_Tensor:$result);
  let assemblyFormat = "`from` $from `tag` $tag attr-dict `:` type($result)";
}

//===-- Step plan (made by llcc-plan-memory; what codegen packs) ------------===//

def Llcc_ProgramOp : Llcc_Op<"program", [Symbol, NoTerminator, SingleBlock, IsolatedFromAbove]> {
  let summary = "the flat instruction list of one pipeline stage (kind step) or of inference (kind infer)";
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$kind, I64Attr:$stage, I64Attr:$arena_bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name $kind `stage` $stage `arena` $arena_bytes attr-dict-with-keyword $body";
}
def Llcc_BufferOp : Llcc_Op<"buffer", [Pure]> {
  let summary = "a placed piece of the device's arena";
  let description = [{
    `space`: param | state | gradient | temp | input | scalar; `name`: parameter, state, input or scalar it holds (empty for temp).
    `offset` in bytes, a multiple of 64. Params and states live through all steps, at the start of the arena.
  }];
  let arguments = (ins StrAttr:$space, StrAttr:$name, I64Attr:$offset);
  let results = (outs AnyStaticShapeMemRef:$result);
  let assemblyFormat = "$space $name `at` $offset attr-dict `:` type($result)";
}
def Llcc_ExecOp : Llcc_Op<"exec", [AttrSizedOperandSegments]> {
  let summary = "one instruction of the plan";
  let description = [{
    `op` and the meaning of `args`: runtime/plan/Plan.h (enum Op, struct Instr), same names. `kernel` names the code of a launch.
    `stream`: 0 compute, 1 communication. `waits`: positions (in this program, counting exec ops) of instructions on other streams
    that must have ended before this one starts. A buffer may be in ins and outs (update in place).
  }];
  let arguments = (ins StrAttr:$op, Variadic<AnyStaticShapeMemRef>:$ins, Variadic<AnyStaticShapeMemRef>:$outs,
                       OptionalAttr<FlatSymbolRefAttr>:$kernel, I64Attr:$stream, DenseI64ArrayAttr:$waits, DictionaryAttr:$args);
  let assemblyFormat = "$op ($kernel^)? `ins` `(` ($ins^ `:` type($ins))? `)` `outs` `(` ($outs^ `:` type($outs))? `)` `stream` $stream `waits` $waits `args` $args attr-dict";
}

#endif
