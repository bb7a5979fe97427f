// Reads and parses the bytes of a model file, and tells what a file is that is no model.
#include "frontends/onnx/ModelFile.h"
#include "frontends/onnx/Wire.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <unistd.h>

namespace mlir::llcc::frontend {

static constexpr uint64_t kMaxModelBytes = (uint64_t(1) << 31) - 1; // protobuf's own limit

/// What the bytes are, where it is easy to say and common: a sentence, or nothing.
static const char *sniff(StringRef bytes) {
  StringRef text = bytes.ltrim(" \t\r\n");
  if (bytes.empty())
    return "is empty";
  if (bytes.starts_with("version https://git-lfs"))
    return "is a Git LFS pointer, not the model itself; fetch it with: git lfs pull";
  if (text.starts_with_insensitive("<!doctype html") || text.starts_with_insensitive("<html"))
    return "is a web page (HTML), not a model; download the raw file";
  if (bytes.starts_with("PK\x03\x04"))
    return "is a zip archive (or a PyTorch .pt file), not an ONNX model; unpack or export it first";
  if (bytes.starts_with("\x1f\x8b"))
    return "is gzip-compressed; unpack it with: gunzip";
  if (bytes.starts_with("\x89HDF"))
    return "is an HDF5 file (Keras .h5), not an ONNX model; export it to ONNX first";
  if (bytes.starts_with("LLX"))
    return "is a compiled artifact, not an ONNX model; give it to llrun";
  if (text.starts_with("{") || text.starts_with("ir_version"))
    return "is text (JSON or text format), not a binary ONNX model";
  return nullptr;
}

/// What the import may take: a model that needs more would be stopped by the machine without a word.
uint64_t memoryLimit(const ImportOptions &options) {
  if (options.maxMemory)
    return options.maxMemory;
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? uint64_t(pages) * uint64_t(size) : uint64_t(1) << 34;
}

LogicalResult readModel(StringRef path, ::onnx::ModelProto &model, uint64_t maxMemory, ImportErrors &errors) {
  StringRef name = llvm::sys::path::filename(path);
  auto fail = [&](ImportErrors::Kind kind, const Twine &what) {
    errors.add(kind, name + ": " + what);
    return failure();
  };
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(path, status)) {
    errors.add(ImportErrors::Missing, path + ": " + code.message());
    return failure();
  }
  if (llvm::sys::fs::is_directory(status))
    return fail(ImportErrors::Bad, "is a folder, not a model");
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return fail(ImportErrors::Bad, "is not a regular file");
  if (status.getSize() > kMaxModelBytes)
    return fail(ImportErrors::Bad, "has " + Twine(status.getSize()) + " bytes, at most " + Twine(kMaxModelBytes) +
                                       " can be read; store the weights as external data");
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer) {
    errors.add(ImportErrors::Missing, path + ": " + buffer.getError().message());
    return failure();
  }
  StringRef bytes = (*buffer)->getBuffer();
  if (const char *what = sniff(bytes))
    return fail(ImportErrors::Bad, what);
  if (std::string what = scanModel(bytes, maxMemory); !what.empty())
    return fail(ImportErrors::Bad, what);
  if (!model.ParseFromArray(bytes.data(), int(bytes.size())))
    return fail(ImportErrors::Bad, "is not a readable ONNX model: protobuf refuses its bytes");
  if (!model.has_graph())
    return fail(ImportErrors::Bad, "has no graph; it is not an ONNX model, or the file is truncated");
  return success();
}

} // namespace mlir::llcc::frontend
