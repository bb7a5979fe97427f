// The bytes of a TensorProto: checks that type, dimensions and payload fit each other, and reads the elements.
#include "frontends/onnx/Payload.h"
#include "frontends/onnx/Binder.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Endian.h"

namespace mlir::llcc::frontend {

using ::onnx::TensorProto;

std::string dtypeName(int32_t type) {
  switch (type) {
  case TensorProto::FLOAT:
    return "float32";
  case TensorProto::DOUBLE:
    return "float64";
  case TensorProto::UNDEFINED:
    return "no type";
  default:
    if (!TensorProto::DataType_IsValid(type))
      return "type " + std::to_string(type);
    return StringRef(TensorProto::DataType_Name(TensorProto::DataType(type))).lower();
  }
}

Type elementType(MLIRContext *context, int32_t type) {
  switch (type) {
  case TensorProto::FLOAT:
    return Float32Type::get(context);
  case TensorProto::DOUBLE:
    return Float64Type::get(context);
  case TensorProto::FLOAT16:
    return Float16Type::get(context);
  case TensorProto::BFLOAT16:
    return BFloat16Type::get(context);
  case TensorProto::INT8:
    return IntegerType::get(context, 8);
  case TensorProto::INT16:
    return IntegerType::get(context, 16);
  case TensorProto::INT32:
    return IntegerType::get(context, 32);
  case TensorProto::INT64:
    return IntegerType::get(context, 64);
  case TensorProto::UINT8:
    return IntegerType::get(context, 8, IntegerType::Unsigned);
  case TensorProto::UINT16:
    return IntegerType::get(context, 16, IntegerType::Unsigned);
  case TensorProto::UINT32:
    return IntegerType::get(context, 32, IntegerType::Unsigned);
  case TensorProto::UINT64:
    return IntegerType::get(context, 64, IntegerType::Unsigned);
  case TensorProto::BOOL:
    return IntegerType::get(context, 1);
  case TensorProto::INT4:
    return IntegerType::get(context, 4);
  case TensorProto::UINT4:
    return IntegerType::get(context, 4, IntegerType::Unsigned);
  case TensorProto::INT2:
    return IntegerType::get(context, 2);
  case TensorProto::UINT2:
    return IntegerType::get(context, 2, IntegerType::Unsigned);
  case TensorProto::FLOAT8E4M3FN:
    return Float8E4M3FNType::get(context);
  case TensorProto::FLOAT8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case TensorProto::FLOAT8E5M2:
    return Float8E5M2Type::get(context);
  case TensorProto::FLOAT8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case TensorProto::FLOAT8E8M0:
    return Float8E8M0FNUType::get(context);
  case TensorProto::FLOAT4E2M1:
    return Float4E2M1FNType::get(context);
  default:
    return {};
  }
}

/// 2 for types of 4 bits, 4 for those of 2: several elements share a byte, the first in the low bits.
static int64_t elementsPerByte(Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  return width == 1 || width >= 8 ? 1 : 8 / width;
}

/// Elements in the typed field that belongs to the tensor's type.
static int64_t countTyped(const TensorProto &t) {
  switch (t.data_type()) {
  case TensorProto::FLOAT:
    return t.float_data_size();
  case TensorProto::DOUBLE:
    return t.double_data_size();
  case TensorProto::INT64:
    return t.int64_data_size();
  case TensorProto::UINT32:
  case TensorProto::UINT64:
    return t.uint64_data_size();
  default:
    return t.int32_data_size();
  }
}

/// offset, length and location of external data; false where the entries are no numbers.
static bool readExternal(const TensorProto &t, std::string &location, uint64_t &offset,
                         std::optional<uint64_t> &length) {
  for (const auto &entry : t.external_data()) {
    uint64_t number = 0;
    StringRef value = entry.value();
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset" || entry.key() == "length") {
      if (value.getAsInteger(10, number))
        return false;
      if (entry.key() == "offset")
        offset = number;
      else
        length = number;
    }
  }
  return true;
}

std::optional<Payload> checkPayload(const TensorProto &tensor, const Twine &subject, MLIRContext *context,
                                    ExternalFiles &files, ImportErrors &errors) {
  auto fail = [&](ImportErrors::Kind kind, const Twine &what) -> std::optional<Payload> {
    errors.add(kind, subject + " " + what);
    return std::nullopt;
  };
  Payload p;
  p.type = elementType(context, tensor.data_type());
  if (!p.type)
    return fail(tensor.data_type() == 0 ? ImportErrors::Bad : ImportErrors::Unsupported,
                "has element type " + dtypeName(tensor.data_type()) +
                    ", which is not supported; use float32, float64, int32, int64 or bool");
  if (tensor.dims_size() > 64)
    return fail(ImportErrors::Bad, "has " + Twine(tensor.dims_size()) + " dimensions, at most 64 are allowed");
  p.shape.assign(tensor.dims().begin(), tensor.dims().end());
  std::optional<int64_t> count = countElements(p.shape);
  if (!count)
    return fail(ImportErrors::Bad,
                "has dimensions " + showShape(p.shape) + ", a negative size or more than 2^40 elements");
  p.elements = *count;
  unsigned width = std::max(8u, p.type.getIntOrFloatBitWidth()) / 8;
  p.bytes = uint64_t(llvm::divideCeil(p.elements, elementsPerByte(p.type))) * width;
  if (tensor.has_segment())
    return fail(ImportErrors::Unsupported,
                "is stored in segments, which is not supported; save the model again with onnx.save");
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    std::optional<uint64_t> length;
    if (!readExternal(tensor, p.file, p.offset, length))
      return fail(ImportErrors::Bad, "has external data whose offset or length is not a non-negative number");
    if (length && *length != p.bytes)
      return fail(ImportErrors::Bad, "has external data of " + Twine(*length) + " bytes, its dimensions " +
                                         showShape(p.shape) + " need " + Twine(p.bytes));
    ExternalFiles::Result &file = files.open(p.file);
    p.absent = files.areMissing(file);
    if (p.absent)
      return p;
    if (!file.bytes && std::exchange(file.told, true)) // one sentence is enough for all tensors in the file
      return std::nullopt;
    if (!file.bytes)
      return fail(file.kind, "has external data in " + quote(p.file) + ": " + file.error);
    if (p.offset > file.bytes->size() || p.bytes > file.bytes->size() - p.offset)
      return fail(ImportErrors::Bad, "has " + Twine(p.bytes) + " bytes of external data from byte " + Twine(p.offset) +
                                         " of " + quote(p.file) + " on, which has " + Twine(file.bytes->size()) +
                                         " bytes");
    return p;
  }
  if (tensor.has_raw_data()) {
    if (tensor.raw_data().size() != p.bytes)
      return fail(ImportErrors::Bad, "has " + Twine(tensor.raw_data().size()) + " bytes of data, its dimensions " +
                                         showShape(p.shape) + " need " + Twine(p.bytes));
  } else if (countTyped(tensor) != int64_t(llvm::divideCeil(p.elements, elementsPerByte(p.type)))) {
    return fail(ImportErrors::Bad, "has " + Twine(countTyped(tensor)) + " elements of data, its dimensions " +
                                       showShape(p.shape) + " need " + Twine(p.elements));
  }
  return p;
}

void makeRaw(TensorProto &t, const Payload &payload) {
  if (t.has_raw_data() || t.data_location() == TensorProto::EXTERNAL)
    return;
  std::string raw;
  raw.reserve(payload.bytes);
  auto put = [&](const auto &values, auto type) {
    for (auto v : values) {
      auto element = static_cast<decltype(type)>(v);
      raw.append(reinterpret_cast<const char *>(&element), sizeof(element));
    }
  };
  switch (t.data_type()) {
  case TensorProto::FLOAT:
    put(t.float_data(), float());
    break;
  case TensorProto::DOUBLE:
    put(t.double_data(), double());
    break;
  case TensorProto::INT64:
    put(t.int64_data(), int64_t());
    break;
  case TensorProto::INT32:
    put(t.int32_data(), int32_t());
    break;
  case TensorProto::UINT32:
    put(t.uint64_data(), uint32_t());
    break;
  case TensorProto::UINT64:
    put(t.uint64_data(), uint64_t());
    break;
  case TensorProto::INT8:
  case TensorProto::UINT8:
  case TensorProto::BOOL:
    put(t.int32_data(), int8_t());
    break;
  default: // int16, uint16, and the bit patterns of float16 and bfloat16
    put(t.int32_data(), int16_t());
  }
  t.clear_float_data();
  t.clear_double_data();
  t.clear_int64_data();
  t.clear_int32_data();
  t.clear_uint64_data();
  t.set_raw_data(std::move(raw));
}

StringRef readBytes(const TensorProto &tensor, const Payload &payload, ExternalFiles &files, std::string &own) {
  if (!payload.file.empty())
    return files.open(payload.file).bytes->substr(payload.offset, payload.bytes);
  if (tensor.has_raw_data())
    return tensor.raw_data();
  TensorProto copy = tensor; // typed fields become raw bytes, so that there is one way to read
  makeRaw(copy, payload);
  own = std::move(*copy.mutable_raw_data());
  return own;
}

static unsigned bytesOf(Type type) { return std::max(8u, type.getIntOrFloatBitWidth()) / 8; }

ConstantPtr readConstant(const TensorProto &tensor, const Payload &payload, ExternalFiles &files) {
  std::string own;
  StringRef raw = readBytes(tensor, payload, files, own);
  auto c = std::make_shared<Constant>();
  c->type = payload.type;
  c->shape = payload.shape;
  unsigned width = bytesOf(payload.type);
  if (c->isFloat())
    c->reals.reserve(payload.elements);
  else
    c->ints.reserve(payload.elements);
  if (payload.type.isF32()) {
    for (int64_t i = 0; i < payload.elements; ++i)
      c->reals.push_back(llvm::support::endian::read<float>(raw.data() + i * 4, llvm::endianness::little));
    return c;
  }
  int64_t shared = elementsPerByte(payload.type);
  for (int64_t i = 0; i < payload.elements; ++i) {
    uint64_t bits = 0;
    memcpy(&bits, raw.data() + i / shared * width, width);
    if (shared > 1)
      bits = bits >> i % shared * (8 / shared) & llvm::maskTrailingOnes<uint64_t>(8 / shared);
    if (payload.type.isF64())
      c->reals.push_back(llvm::bit_cast<double>(bits));
    else if (auto floatType = dyn_cast<FloatType>(payload.type))
      c->reals.push_back(APFloat(floatType.getFloatSemantics(), APInt(floatType.getWidth(), bits)).convertToDouble());
    else
      c->ints.push_back(payload.type.isInteger(1) ? bits != 0
                        : payload.type.isUnsignedInteger()
                            ? int64_t(bits)
                            : llvm::SignExtend64(bits, payload.type.getIntOrFloatBitWidth()));
  }
  return c;
}

} // namespace mlir::llcc::frontend
