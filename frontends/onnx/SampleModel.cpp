// Models of one node, made from a line of text each.
#include "frontends/onnx/SampleModel.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Weights.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <array>

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
                        .Cases({"RotaryEmbedding"}, "x1,2,3,4 x1,3,2 x1,3,2;x2,3,4,6 c[1] x7,3 x7,3")
                        .Cases({"Resize"}, "x1,1,4,4 - - c[1,1,8,8];x1,1,4,4 - s[1,1,2,2]")
                        .Cases({"Trilu"}, "x3,3")
                        .Cases({"Dropout"}, "x2,3")
                        .Cases({"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"}, "x3,2 i3")
                        .Cases({"DepthToSpace", "SpaceToDepth"}, "x1,4,2,2 | blocksize=2")
                        .Cases({"Det", "Inverse"}, "x3,3")
                        .Cases({"Not"}, "b2,3")
                        .Cases({"And", "Or", "Xor"}, "b2,3 b2,3")
                        .Cases({"AffineGrid"}, "x2,2,3 c[2,3,2,4]")
                        .Cases({"BitCast"}, "x2,3 | to=6")
                        .Cases({"BitShift"}, "x2,3 x2,3 | direction='LEFT'")
                        .Cases({"BlackmanWindow", "HammingWindow", "HannWindow"}, "c10")
                        .Cases({"CausalConvWithState"}, "x2,3,5 x3,1,3 x3 x2,3,2 | activation='silu' outputs=2")
                        .Cases({"CenterCropPad"}, "x4,5 c[2,8]")
                        .Cases({"Col2Im"}, "x1,5,5 c[5,5] c[1,5]")
                        .Cases({"Compress"}, "x2,3 t[1,0] | axis=0")
                        .Cases({"ConvInteger"}, "x1,1,5,5 x2,1,3,3")
                        .Cases({"DeformConv"}, "x1,2,4,4 x1,2,2,2 x1,8,3,3")
                        .Cases({"RoiAlign"}, "x1,2,4,4 x3,4 i3 | sampling_ratio=1")
                        .Cases({"DFT"}, "x2,5,1")
                        .Cases({"DequantizeLinear"}, "u2,3 p")
                        .Cases({"QLinearConv"}, "u1,1,5,5 s0.1 z u2,1,3,3 s0.1 z s0.2 z")
                        .Cases({"QLinearMatMul"}, "u2,3 s0.1 z u3,4 s0.1 z s0.2 z")
                        .Cases({"FlexAttention"}, "x2,4,3,2 x2,2,5,2 x2,2,5,2")
                        .Cases({"GridSample"}, "x1,2,4,3 x1,2,3,2")
                        .Cases({"LRN"}, "x4,4,2,2 | size=3")
                        .Cases({"LinearAttention"},
                               "x2,3,8 x2,3,4 x2,3,6 x2,2,2,3 x2,3,4 x2,3,1 | q_num_heads=4 kv_num_heads=2 outputs=2")
                        .Cases({"MaxUnpool"}, "x1,1,2,2 i1,1,2,2 | kernel_shape=[2,2] strides=[2,2];"
                                              "x1,1,1,1 c[0] | kernel_shape=[2,2]")
                        .Cases({"MelWeightMatrix"}, "c8 c16 c8192 s0.0 s4000.0")
                        .Cases({"NonMaxSuppression"}, "k1,6,4 k1,1,6 c3 s0.5 s0.0")
                        .Cases({"TensorScatter"}, "x2,5,3 x2,2,3 c[1,3]")
                        .Cases({"Upsample"}, "x1,2,2,3 s[1.0,1.0,2.0,3.0];x1,2,2,3 | scales=[1.0,1.0,2.0,3.0]")
                        .Cases({"Scaler"}, "x2,3 | offset=[1.0,2.0,3.0] scale=[0.5]")
                        .Cases({"ArrayFeatureExtractor"}, "x2,3 c[0,2]")
                        .Cases({"Imputer"}, "x2,3 | imputed_value_floats=[1.0]")
                        .Cases({"SkipLayerNormalization"}, "x2,3,4 x2,3,4 x4 x4")
                        .Cases({"SkipSimplifiedLayerNormalization"}, "x2,3,4 x2,3,4 x4")
                        .Cases({"Adagrad"}, "s0.1 c0 x2,3 x2,3 p2,3 | outputs=2")
                        .Cases({"Momentum"}, "s0.1 c0 x2,3 x2,3 x2,3 | alpha=0.9 beta=1.0 norm_coefficient=0.0 "
                                             "mode='standard' outputs=2")
                        .Cases({"Adam"}, "s0.1 c0 x2,3 x2,3 x2,3 p2,3 | outputs=3")
                        .Cases({"SequenceConstruct"}, "x2,3 x2,3 | then=ConcatFromSequence")
                        .Cases({"SequenceEmpty"}, "| then=SequenceLength")
                        .Cases({"SequenceAt"}, "q2,3 c1")
                        .Cases({"SequenceErase"}, "q2,3 c0 | then=ConcatFromSequence")
                        .Cases({"SequenceInsert"}, "q2,3 x2,3 | then=ConcatFromSequence")
                        .Cases({"SequenceLength"}, "q2,3")
                        .Cases({"SequenceMap"}, "q2,3 | body={map} then=ConcatFromSequence")
                        .Cases({"SplitToSequence"}, "x4,3 c2 | then=ConcatFromSequence")
                        .Cases({"ConcatFromSequence"}, "q2,3 | axis=0")
                        .Cases({"If"}, "t @x2,3 | then_branch={branch} else_branch={branch}")
                        .Cases({"Loop"}, "c2 t x2,3 | body={loop}")
                        .Cases({"Scan"}, "x3 x2,3 | body={scan} num_scan_inputs=1 outputs=2")
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

::onnx::NodeProto *addNode(::onnx::GraphProto &graph, StringRef op, ArrayRef<StringRef> inputs, StringRef output) {
  auto *node = graph.add_node();
  node->set_op_type(op.str());
  for (StringRef input : inputs)
    node->add_input(input.str());
  node->add_output(output.str());
  return node;
}

/// What a subgraph of If, Loop, Scan or SequenceMap computes: "{branch}" reads in1 of the graph around it.
void addBody(::onnx::GraphProto &body, StringRef kind) {
  body.set_name("body");
  auto takes = [&](StringRef name) { body.add_input()->set_name(name.str()); };
  auto gives = [&](StringRef name) { body.add_output()->set_name(name.str()); };
  if (kind == "{loop}") { // turn, condition, state
    for (StringRef name : {"turn", "on", "state"})
      takes(name);
    addNode(body, "Identity", {"on"}, "on_out");
    addNode(body, "Neg", {"state"}, "state_out");
    gives("on_out");
    gives("state_out");
  } else if (kind == "{scan}") { // state, element
    takes("state");
    takes("element");
    addNode(body, "Add", {"state", "element"}, "state_out");
    addNode(body, "Neg", {"element"}, "element_out");
    gives("state_out");
    gives("element_out");
  } else {
    bool map = kind == "{map}";
    if (map)
      takes("element");
    addNode(body, "Neg", {map ? "element" : "in1"}, "out");
    gives("out");
  }
}

void addAttribute(::onnx::NodeProto &node, StringRef text) {
  auto [name, value] = text.split('=');
  auto *a = node.add_attribute();
  a->set_name(name.str());
  double real = 0;
  if (value.starts_with("{")) {
    a->set_type(::onnx::AttributeProto::GRAPH);
    addBody(*a->mutable_g(), value);
  } else if (value.starts_with("[") && value.contains('.')) {
    a->set_type(::onnx::AttributeProto::FLOATS);
    SmallVector<StringRef> parts;
    value.trim("[]").split(parts, ',');
    for (StringRef part : parts) {
      part.getAsDouble(real);
      a->add_floats(float(real));
    }
  } else if (value.consume_front("'")) {
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
  std::vector<std::array<std::string, 3>> before; // sequences: name and elements
  StringRef then;
  bool trains = type == TensorProto::FLOAT || type == TensorProto::DOUBLE;
  SmallVector<StringRef> tokens;
  inputs.trim().split(tokens, ' ', -1, /*KeepEmpty=*/false);
  /// Declares or stores what `token` says under `name`.
  auto provide = [&](StringRef token, const std::string &name) {
    char kind = token.front();
    StringRef rest = token.drop_front();
    bool constant = StringRef("csftkz").contains(kind);
    bool stored = constant || (trains && (kind == 'x' || kind == 'p'));
    int32_t element = kind == 'c' || kind == 'i'                  ? TensorProto::INT64
                      : kind == 'b' || kind == 't' || kind == 'f' ? TensorProto::BOOL
                      : kind == 'u' || kind == 'z'                ? TensorProto::UINT8
                                                                  : type;
    Shape shape = rest.starts_with("[") ? Shape{int64_t(readList(rest).size())} : readList(rest);
    if (constant && kind != 'k' && !rest.starts_with("["))
      shape.clear();
    if (!stored) {
      auto *value = graph.add_input();
      value->set_name(name);
      auto *tensor = value->mutable_type()->mutable_tensor_type();
      tensor->set_elem_type(element);
      tensor->mutable_shape(); // a scalar has one too
      for (int64_t size : shape)
        tensor->mutable_shape()->add_dim()->set_dim_value(size);
      return;
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
      for (int64_t v : rest.empty() ? Shape{kind == 't'} : readList(rest))
        t.add_int32_data(int32_t(v));
    } else {
      fill(t, element, countElements(shape).value_or(0), kind == 'p');
    }
  };
  for (auto [i, token] : llvm::enumerate(tokens)) {
    bool outside = token.consume_front("@"); // what a subgraph reads, no input of the node
    if (token == "-") {
      node.add_input("");
      continue;
    }
    std::string name = (StringRef("csftkz").contains(token.front()) ? "constant" : "in") + std::to_string(i);
    if (!outside)
      node.add_input(name);
    if (token.consume_front("q")) { // a sequence of two
      std::string first = name + "a", second = name + "b", x = ("x" + token).str();
      provide(x, first);
      provide(x, second);
      before.push_back({name, first, second});
      continue;
    }
    provide(token, name);
  }
  SmallVector<StringRef> list;
  attributes.trim().split(list, ' ', -1, /*KeepEmpty=*/false);
  for (StringRef text : list)
    if (text.consume_front("outputs="))
      text.getAsInteger(10, outputs);
    else if (text.consume_front("then="))
      then = text;
    else
      addAttribute(node, text);
  for (int64_t i = 0; i < outputs; ++i) {
    std::string name = "out" + std::to_string(i);
    node.add_output(name);
    if (!wrapped && then.empty())
      graph.add_output()->set_name(name);
  }
  for (auto &[name, first, second] : before) {
    addNode(graph, "SequenceConstruct", {first, second}, name);
    graph.mutable_node()->SwapElements(0, graph.node_size() - 1);
  }
  std::string result = "out0";
  if (!then.empty()) {
    auto *last = addNode(graph, then, {result}, "made");
    if (then == "ConcatFromSequence")
      addAttribute(*last, "axis=0");
    result = "made";
    if (!wrapped)
      graph.add_output()->set_name(result);
  }
  if (wrapped) {
    auto *cast = graph.add_node();
    cast->set_op_type("Cast");
    cast->add_input(result);
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
