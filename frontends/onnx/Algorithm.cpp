// The training algorithm's nodes that compute the loss, behind the graph's for as long as the import.
#include "frontends/onnx/Algorithm.h"
#include "frontends/onnx/Binder.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::llcc::frontend {

bool appendAlgorithm(::onnx::ModelProto &model, StringRef value, StringRef file, ImportErrors &errors,
                     AppendedAlgorithm &appended) {
  if (model.training_info_size() == 0) {
    errors.add(ImportErrors::Bad, file + ": has no training algorithm, so there is no " + quote(value));
    return false;
  }
  const ::onnx::GraphProto &algorithm = model.training_info(0).algorithm();
  ::onnx::GraphProto &graph = *model.mutable_graph();
  llvm::StringMap<const ::onnx::NodeProto *> producer;
  for (const auto &node : algorithm.node())
    for (const auto &output : node.output())
      producer[output] = &node;
  llvm::StringSet<> seen;
  llvm::SmallPtrSet<const ::onnx::NodeProto *, 16> needed;
  std::vector<std::string> names = {value.str()};
  while (!names.empty()) {
    std::string name = std::move(names.back());
    names.pop_back();
    if (!seen.insert(name).second)
      continue;
    if (const ::onnx::NodeProto *node = producer.lookup(name))
      if (needed.insert(node).second)
        for (const auto &input : node->input())
          names.push_back(input);
  }
  for (const auto &node : algorithm.node())
    if (needed.contains(&node)) {
      appended.nodes.insert(node.output_size() ? node.output(0) : "");
      *graph.add_node() = node;
    }
  for (const auto &tensor : algorithm.initializer())
    if (seen.contains(tensor.name())) {
      appended.others.insert(tensor.name());
      *graph.add_initializer() = tensor;
    }
  for (const auto &input : algorithm.input())
    if (seen.contains(input.name()) &&
        llvm::none_of(graph.input(), [&](const auto &own) { return own.name() == input.name(); })) {
      appended.others.insert(input.name());
      *graph.add_input() = input;
    }
  auto *output = graph.add_output();
  output->set_name(value.str());
  output->mutable_type()->mutable_tensor_type()->set_elem_type(::onnx::TensorProto::FLOAT);
  appended.output = value.str();
  return true;
}

void removeAlgorithm(::onnx::GraphProto &graph, const AppendedAlgorithm &appended) {
  if (appended.output.empty())
    return;
  auto erase = [](auto &list, auto predicate) {
    list.erase(std::remove_if(list.begin(), list.end(), predicate), list.end());
  };
  erase(*graph.mutable_node(),
        [&](const ::onnx::NodeProto &node) { return node.output_size() && appended.nodes.count(node.output(0)); });
  auto isOther = [&](const auto &entry) { return appended.others.count(entry.name()); };
  erase(*graph.mutable_initializer(), isOther);
  erase(*graph.mutable_input(), isOther);
  erase(*graph.mutable_output(), [&](const auto &entry) { return entry.name() == appended.output; });
}

bool setInitialValues(::onnx::GraphProto &graph, const std::map<std::string, std::string> &values, StringRef file,
                      ImportErrors &errors) {
  size_t before = errors.messages.size();
  for (const auto &entry : values) {
    const std::string &name = entry.first, &bytes = entry.second;
    auto found = llvm::find_if(*graph.mutable_initializer(), [&](const auto &tensor) { return tensor.name() == name; });
    if (found == graph.mutable_initializer()->end()) {
      errors.add(ImportErrors::Bad,
                 file + ": its training information initializes " + quote(name) + ", which is no initializer");
      continue;
    }
    found->clear_float_data();
    found->clear_double_data();
    found->clear_int32_data();
    found->clear_int64_data();
    found->clear_uint64_data();
    found->clear_external_data();
    found->clear_data_location();
    found->set_raw_data(bytes); // dimensions are checked against it when it is read
  }
  return errors.messages.size() == before;
}

} // namespace mlir::llcc::frontend
