// Models of one node, made from a line of text each.
#include "frontends/onnx/SampleModel.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Weights.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

namespace mlir::llcc::frontend {

using ::onnx::TensorProto;

std::vector<OpRange> opRanges() {
  std::vector<OpRange> ranges;
  for (const auto &[name, rows] : OpTable::get().rows())
    for (auto it = rows.begin(); it != rows.end(); ++it) {
      auto next = std::next(it);
      int64_t newest = name.first.empty() ? kNewestOpset : 1;
      ranges.push_back({name.first, name.second, it->first, next == rows.end() ? newest : next->first - 1});
    }
  return ranges;
}

ArrayRef<std::pair<int32_t, StringRef>> sampleTypes() {
  static const std::pair<int32_t, StringRef> types[] = {
      {TensorProto::FLOAT, "f32"},     {TensorProto::DOUBLE, "f64"}, {TensorProto::FLOAT16, "f16"},
      {TensorProto::BFLOAT16, "bf16"}, {TensorProto::INT8, "i8"},    {TensorProto::INT16, "i16"},
      {TensorProto::INT32, "i32"},     {TensorProto::INT64, "i64"},  {TensorProto::UINT8, "u8"},
      {TensorProto::UINT16, "u16"},    {TensorProto::UINT32, "u32"}, {TensorProto::UINT64, "u64"},
      {TensorProto::BOOL, "bool"}};
  return types;
}

std::vector<std::string> sampleSpecs(StringRef op) {
  const char *own = llvm::StringSwitch<const char *>(op)
                        .Cases({"Cast"}, "x2,3 | to=1;x2,3 | to=11")
                        .Cases({"Conv", "ConvTranspose"}, "x1,2,6,6 x2,2,3,3")
                        .Cases({"MaxPool", "AveragePool", "LpPool"}, "x1,2,6,6 | kernel_shape=[2,2]")
                        .Cases({"Concat"}, "x2,3 x2,3 | axis=1")
                        .Cases({"Gather"}, "x4,3 i5")
                        .Cases({"GatherElements"}, "x4,3 i2,3")
                        .Cases({"GatherND"}, "x4,3 i2,1")
                        .Cases({"ScatterElements", "Scatter"}, "x4,3 i2,3 x2,3")
                        .Cases({"ScatterND"}, "x4,3 i2,1 x2,3")
                        .Cases({"Reshape"}, "x2,6 c[3,4]")
                        .Cases({"Expand"}, "x1,3 c[2,3]")
                        .Cases({"Tile"}, "x2,3 c[2,1]")
                        .Cases({"Slice"}, "x4,6 c[1] c[3] c[0];x4,6 | starts=[1] ends=[3]")
                        .Cases({"Pad"}, "x2,3 c[0,1,0,1];x2,3 | pads=[0,1,0,1]")
                        .Cases({"Split"}, "x2,6 c[2,4] | axis=1 outputs=2;x2,6 | axis=1 split=[2,4] outputs=2")
                        .Cases({"Unsqueeze"}, "x2,3 c[0];x2,3 | axes=[0]")
                        .Cases({"Squeeze"}, "x1,3 c[0];x1,3 | axes=[0]")
                        .Cases({"Where"}, "b2,3 x2,3 x2,3")
                        .Cases({"Pow"}, "p2,3 p2,3;x2,3 s2.0")
                        .Cases({"Log", "Sqrt", "Reciprocal"}, "p2,3")
                        .Cases({"Clip"}, "x2,3 s-0.5 s0.5;x2,3 | min=-0.5 max=0.5")
                        .Cases({"Einsum"}, "x2,3 x3,4 | equation='ij,jk->ik'")
                        .Cases({"TopK"}, "x2,4 c[2] | outputs=2;x2,4 | k=2 outputs=2")
                        .Cases({"OneHot"}, "i3 c[2] x2")
                        .Cases({"CumSum", "CumProd"}, "x2,3 c0")
                        .Cases({"Range"}, "c0 c5 c1")
                        .Cases({"ConstantOfShape"}, "c[2,3]")
                        .Cases({"Constant"}, "| value_float=1.5")
                        .Cases({"BatchNormalization"}, "x2,3,4 x3 x3 x3 p3")
                        .Cases({"InstanceNormalization"}, "x2,3,4 x3 x3")
                        .Cases({"GroupNormalization"}, "x2,4,3 x4 x4 | num_groups=2;x2,4,3 x2 x2 | num_groups=2")
                        .Cases({"LayerNormalization"}, "x2,3,4 x4 x4")
                        .Cases({"RMSNormalization"}, "x2,3,4 x4")
                        .Cases({"PRelu"}, "x2,3 x3")
                        .Cases({"LSTM"}, "x3,2,4 x1,12,4 x1,12,3 | hidden_size=3")
                        .Cases({"GRU"}, "x3,2,4 x1,9,4 x1,9,3 | hidden_size=3")
                        .Cases({"RNN"}, "x3,2,4 x1,3,4 x1,3,3 | hidden_size=3")
                        .Cases({"Attention"}, "x1,2,3,4 x1,2,3,4 x1,2,3,4")
                        .Cases({"RotaryEmbedding"}, "x1,2,3,4 x1,3,2 x1,3,2")
                        .Cases({"Resize"}, "x1,1,4,4 - - c[1,1,8,8];x1,1,4,4 - s[1,1,2,2]")
                        .Cases({"Trilu"}, "x3,3")
                        .Cases({"Dropout"}, "x2,3")
                        .Cases({"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"}, "x3,2 i3")
                        .Cases({"DepthToSpace", "SpaceToDepth"}, "x1,4,2,2 | blocksize=2")
                        .Cases({"Det", "Inverse"}, "x3,3")
                        .Cases({"Not"}, "b2,3")
                        .Cases({"And", "Or", "Xor"}, "b2,3 b2,3")
                        .Default("");
  std::vector<std::string> specs;
  SmallVector<StringRef> parts;
  StringRef(own).split(parts, ';', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts)
    specs.push_back(part.str());
  for (const char *any : {"x2,3", "x2,3 x2,3", "x2,3 x3,4", "x2,3,4", "x1,2,6,6", "x2,3 x2,3 x2,3", "x2,3 x3",
                          "x2,3 c[1]", "x2,3 i2", "b2,3", "b2,3 b2,3", "c[2,3]"})
    specs.push_back(any);
  return specs;
}

namespace {

Shape readList(StringRef text) {
  Shape list;
  SmallVector<StringRef> parts;
  text.trim("[]").split(parts, ',', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    int64_t value = 0;
    part.getAsInteger(10, value);
    list.push_back(value);
  }
  return list;
}

void addAttribute(::onnx::NodeProto &node, StringRef text) {
  auto [name, value] = text.split('=');
  auto *a = node.add_attribute();
  a->set_name(name.str());
  double real = 0;
  if (value.consume_front("'")) {
    a->set_type(::onnx::AttributeProto::STRING);
    a->set_s(value.drop_back().str());
  } else if (value.starts_with("[")) {
    a->set_type(::onnx::AttributeProto::INTS);
    for (int64_t v : readList(value))
      a->add_ints(v);
  } else if (value.contains('.') && !value.getAsDouble(real)) {
    a->set_type(::onnx::AttributeProto::FLOAT);
    a->set_f(float(real));
  } else {
    int64_t number = 0;
    value.getAsInteger(10, number);
    a->set_type(::onnx::AttributeProto::INT);
    a->set_i(number);
  }
}

/// Elements that no operator finds special: distinct, of both signs unless `positive`.
void fill(TensorProto &t, int32_t type, int64_t count, bool positive) {
  t.set_data_type(type);
  for (int64_t i = 0; i < count; ++i) {
    double value = (positive ? 0.5 : -0.6) + 0.13 * double((i * 7) % 11);
    if (type == TensorProto::FLOAT)
      t.add_float_data(float(value));
    else if (type == TensorProto::DOUBLE)
      t.add_double_data(value);
    else if (type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16)
      t.add_int32_data(type == TensorProto::FLOAT16 ? 0x3800 + int(i % 7) : 0x3f00 + int(i % 7));
    else if (type == TensorProto::INT64)
      t.add_int64_data(1 + i % 3);
    else if (type == TensorProto::UINT32 || type == TensorProto::UINT64)
      t.add_uint64_data(uint64_t(1 + i % 3));
    else
      t.add_int32_data(type == TensorProto::BOOL ? int(i % 2) : int(1 + i % 3));
  }
}

} // namespace

std::string sampleModel(StringRef domain, StringRef op, int64_t opset, StringRef spec, int32_t type, bool wrapped) {
  ::onnx::ModelProto model;
  model.set_ir_version(10);
  auto *import = model.add_opset_import();
  import->set_version(domain.empty() ? opset : int64_t(20));
  if (!domain.empty()) {
    auto *own = model.add_opset_import();
    own->set_domain(domain.str());
    own->set_version(opset);
  }
  auto &graph = *model.mutable_graph();
  graph.set_name("sample");
  auto &node = *graph.add_node();
  node.set_op_type(op.str());
  node.set_domain(domain.str());
  node.set_name("node");
  auto [inputs, attributes] = spec.split('|');
  int64_t outputs = 1;
  bool trains = type == TensorProto::FLOAT || type == TensorProto::DOUBLE;
  SmallVector<StringRef> tokens;
  inputs.trim().split(tokens, ' ', -1, /*KeepEmpty=*/false);
  for (auto [i, token] : llvm::enumerate(tokens)) {
    if (token == "-") {
      node.add_input("");
      continue;
    }
    char kind = token.front();
    std::string name = (StringRef("csft").contains(kind) ? "constant" : "in") + std::to_string(i);
    node.add_input(name);
    StringRef rest = token.drop_front();
    bool stored = StringRef("csft").contains(kind) || (trains && (kind == 'x' || kind == 'p'));
    int32_t element = kind == 'c' || kind == 'i'                  ? TensorProto::INT64
                      : kind == 'b' || kind == 't' || kind == 'f' ? TensorProto::BOOL
                                                                  : type;
    Shape shape = rest.starts_with("[") ? Shape{int64_t(readList(rest).size())} : readList(rest);
    if (StringRef("csft").contains(kind) && !rest.starts_with("["))
      shape.clear();
    if (!stored) {
      auto *value = graph.add_input();
      value->set_name(name);
      auto *tensor = value->mutable_type()->mutable_tensor_type();
      tensor->set_elem_type(element);
      for (int64_t size : shape)
        tensor->mutable_shape()->add_dim()->set_dim_value(size);
      continue;
    }
    auto &t = *graph.add_initializer();
    t.set_name(name);
    for (int64_t size : shape)
      t.add_dims(size);
    double real = 0;
    if (kind == 'c') {
      t.set_data_type(TensorProto::INT64);
      for (int64_t v : readList(rest))
        t.add_int64_data(v);
    } else if (kind == 's') {
      SmallVector<StringRef> values;
      rest.trim("[]").split(values, ',');
      fill(t, type == TensorProto::DOUBLE ? type : int32_t(TensorProto::FLOAT), int64_t(values.size()), false);
      for (auto [j, v] : llvm::enumerate(values)) {
        v.getAsDouble(real);
        if (type == TensorProto::DOUBLE)
          t.set_double_data(int(j), real);
        else
          t.set_float_data(int(j), float(real));
      }
    } else if (kind == 't' || kind == 'f') {
      t.set_data_type(TensorProto::BOOL);
      t.add_int32_data(kind == 't');
    } else {
      fill(t, type, countElements(shape).value_or(0), kind == 'p');
    }
  }
  SmallVector<StringRef> list;
  attributes.trim().split(list, ' ', -1, /*KeepEmpty=*/false);
  for (StringRef text : list)
    if (text.consume_front("outputs="))
      text.getAsInteger(10, outputs);
    else
      addAttribute(node, text);
  for (int64_t i = 0; i < outputs; ++i) {
    std::string name = "out" + std::to_string(i);
    node.add_output(name);
    if (!wrapped)
      graph.add_output()->set_name(name);
  }
  if (wrapped) {
    auto *cast = graph.add_node();
    cast->set_op_type("Cast");
    cast->add_input("out0");
    cast->add_output("cast");
    addAttribute(*cast, "to=1");
    auto *scale = graph.add_node();
    scale->set_op_type("Mul");
    scale->add_input("cast");
    scale->add_input("in_gain");
    scale->add_output("scaled");
    graph.add_output()->set_name("scaled");
    auto *gain = graph.add_initializer();
    gain->set_name("in_gain");
    fill(*gain, TensorProto::FLOAT, 1, true);
  }
  return serializeModel(model);
}

} // namespace mlir::llcc::frontend
