// The arrays of `llcc run`: they bind the shapes of the graph's inputs, and some of them are constants.
#include "frontends/onnx/InputArrays.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Remedies.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::llcc::frontend {

using ::onnx::TensorProto;

StringRef numpyDescr(int32_t type) {
  switch (type) {
  case TensorProto::FLOAT:
    return "<f4";
  case TensorProto::DOUBLE:
    return "<f8";
  case TensorProto::FLOAT16:
    return "<f2";
  case TensorProto::BFLOAT16:
    return "|V2";
  case TensorProto::INT8:
    return "|i1";
  case TensorProto::INT16:
    return "<i2";
  case TensorProto::INT32:
    return "<i4";
  case TensorProto::INT64:
    return "<i8";
  case TensorProto::UINT8:
    return "|u1";
  case TensorProto::UINT16:
    return "<u2";
  case TensorProto::UINT32:
    return "<u4";
  case TensorProto::UINT64:
    return "<u8";
  case TensorProto::BOOL:
    return "|b1";
  default:
    // 8 bits and less: one element a byte, as ml_dtypes holds them.
    return TensorProto::DataType_IsValid(type) && type > TensorProto::BFLOAT16 ? "|V1" : "";
  }
}

/// Types that numpy lacks may come as raw bytes or as whole numbers of their width.
static bool accepts(int32_t type, StringRef descr) {
  StringRef own = numpyDescr(type);
  if (own == "|V2")
    return llvm::is_contained({"|V2", "<V2", "<u2", "<i2", "<f2"}, descr) && descr != "<f2";
  if (own == "|V1")
    return llvm::is_contained({"|V1", "<V1", "<f1", "|u1", "|i1"}, descr);
  return own == descr;
}

InputArrays takeDefaults(::onnx::GraphProto &graph, const InputArrays &arrays, StringRef file, MLIRContext *context,
                         ExternalFiles &files, ImportErrors &errors) {
  llvm::StringMap<int32_t> inputs;
  for (const auto &input : graph.input())
    inputs[input.name()] = input.type().tensor_type().elem_type();
  InputArrays made;
  auto *tensors = graph.mutable_initializer();
  for (int i = tensors->size(); i-- > 0;) {
    const TensorProto &t = tensors->Get(i);
    auto input = inputs.find(t.name());
    if (input == inputs.end())
      continue;
    if (!arrays.count(t.name())) {
      std::optional<Payload> payload =
          checkPayload(t, (file + ": initializer " + quote(t.name())).str(), context, files, errors);
      if (!payload)
        continue;
      InputArray array;
      array.descr = numpyDescr(t.data_type()).str();
      array.shape.assign(payload->shape.begin(), payload->shape.end());
      array.bytes = readConstant(t, *payload, files)->bytes();
      made[t.name()] = std::move(array);
    }
    tensors->DeleteSubrange(i, 1);
  }
  return made;
}

namespace {
/// Sizes that dimension names have got, and from which input.
using Sizes = std::map<std::string, std::pair<int64_t, std::string>>;

void checkDims(const ::onnx::TensorShapeProto &declared, ArrayRef<int64_t> shape, const std::string &name,
               const Twine &subject, Sizes &sizes, ImportErrors &errors) {
  if (declared.dim_size() != int(shape.size()))
    return errors.add(ImportErrors::Bad, subject + " is given as " + showShape(shape) + ", the model says it has " +
                                             Twine(declared.dim_size()) + " dimensions");
  for (auto [i, size] : llvm::enumerate(shape)) {
    const auto &dim = declared.dim(i);
    if (dim.has_dim_value() && dim.dim_value() >= 0 && dim.dim_value() != size)
      errors.add(ImportErrors::Bad, subject + " is given as " + showShape(shape) + ", the model says " +
                                        Twine(dim.dim_value()) + " at dimension " + Twine(i));
    if (dim.has_dim_value() || dim.dim_param().empty())
      continue;
    auto [it, isNew] = sizes.insert({dim.dim_param(), {size, name}});
    if (!isNew && it->second.first != size)
      errors.add(ImportErrors::Bad, subject + " has size " + Twine(size) + " at dimension " + quote(dim.dim_param()) +
                                        ", input " + quote(it->second.second) + " has " + Twine(it->second.first));
  }
}
} // namespace

std::optional<BoundInputs> bindArrays(const ::onnx::GraphProto &graph, const InputArrays &arrays,
                                      llvm::function_ref<bool(StringRef)> used, StringRef file, MLIRContext *context,
                                      ImportErrors &errors) {
  size_t before = errors.messages.size();
  BoundInputs bound;
  bound.batch = 1;
  Sizes sizes;
  std::string given;
  for (const auto &[name, array] : arrays) {
    given += (given.empty() ? "" : ", ") + quote(name);
    if (llvm::none_of(graph.input(), [&](const auto &input) { return input.name() == name; }))
      errors.warn(file + ": has no input " + quote(name) + ", its array is not read");
  }
  for (const auto &input : graph.input()) {
    std::string subject = (file + ": input " + quote(input.name())).str();
    if (!input.type().has_tensor_type()) {
      errors.add(ImportErrors::Unsupported, file + ": " + refusedInput(graph, input));
      continue;
    }
    const auto &tensor = input.type().tensor_type();
    Type element = elementType(context, tensor.elem_type());
    auto found = arrays.find(input.name());
    if (!element) {
      if (used(input.name()))
        errors.add(ImportErrors::Unsupported, file + ": " + refusedInput(graph, input));
      continue;
    }
    if (found == arrays.end()) {
      if (used(input.name()))
        errors.add(ImportErrors::Bad, subject + " has no array; there are " + (given.empty() ? "none" : given));
      continue;
    }
    const InputArray &array = found->second;
    if (!accepts(tensor.elem_type(), array.descr)) {
      errors.add(ImportErrors::Bad, subject + " is given as " + array.descr + ", the model says " +
                                        dtypeName(tensor.elem_type()) + " (" + numpyDescr(tensor.elem_type()) + ")");
      continue;
    }
    std::optional<int64_t> count = countElements(array.shape);
    uint64_t width = std::max(8u, element.getIntOrFloatBitWidth()) / 8;
    if (!count || uint64_t(*count) * width != array.bytes.size()) {
      errors.add(ImportErrors::Bad,
                 subject + " is given as " + showShape(array.shape) + " and " + Twine(array.bytes.size()) + " bytes");
      continue;
    }
    if (tensor.has_shape())
      checkDims(tensor.shape(), array.shape, input.name(), subject, sizes, errors);
    BoundInput b;
    b.name = input.name();
    b.type = RankedTensorType::get(array.shape, storageType(element));
    b.element = element;
    bound.inputs.push_back(b);
  }
  if (errors.messages.size() != before)
    return std::nullopt;
  return bound;
}

ConstantPtr constantOfArray(const InputArray &array, const ::onnx::ValueInfoProto &input, MLIRContext *context) {
  // By way of a tensor of the file, so that there is one way to read bytes.
  TensorProto proto;
  proto.set_data_type(input.type().tensor_type().elem_type());
  for (int64_t size : array.shape)
    proto.add_dims(size);
  Payload payload;
  payload.type = elementType(context, proto.data_type());
  // An array has one element a byte, a file packs those of 4 and 2 bits.
  unsigned width = payload.type.getIntOrFloatBitWidth();
  unsigned shared = width == 1 || width >= 8 ? 1 : 8 / width;
  std::string raw = shared == 1 ? array.bytes : std::string((array.bytes.size() + shared - 1) / shared, '\0');
  for (size_t i = 0; shared > 1 && i < array.bytes.size(); ++i)
    raw[i / shared] |= char((array.bytes[i] & ((1 << width) - 1)) << i % shared * width);
  proto.set_raw_data(raw);
  payload.shape.assign(array.shape.begin(), array.shape.end());
  payload.elements = *countElements(array.shape);
  payload.bytes = raw.size();
  ExternalFiles none("");
  return readConstant(proto, payload, none);
}

} // namespace mlir::llcc::frontend
