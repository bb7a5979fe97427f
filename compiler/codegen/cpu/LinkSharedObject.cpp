// Runs the system's linker on one object file.
#include "compiler/codegen/cpu/CpuCode.h"

#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

using namespace mlir;

/// libm of this system, which the object needs where it calls into it; empty where there is none (then the symbols are
/// found in the process that loads the object).
static std::string findLibm() {
  for (const char *path :
       {"/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6", "/usr/lib64/libm.so.6", "/usr/lib/libm.so.6"})
    if (llvm::sys::fs::exists(path))
      return path;
  return "";
}

std::string llcc::linkSharedObject(llvm::StringRef object, std::string &shared) {
  std::string linker;
  for (const char *name : {"ld.lld-22", "ld.lld", "ld"})
    if (auto found = llvm::sys::findProgramByName(name); found) {
      linker = *found;
      break;
    }
  if (linker.empty())
    return "no linker found, needs ld.lld or ld in PATH; install the package lld-22 or binutils";

  llvm::SmallString<128> objectPath, sharedPath, logPath;
  for (auto [path, suffix] : {std::pair(&objectPath, "o"), std::pair(&sharedPath, "so"), std::pair(&logPath, "log")})
    if (std::error_code error = llvm::sys::fs::createTemporaryFile("llcc-kernels", suffix, *path))
      return "cannot create a temporary file: " + error.message();
  llvm::FileRemover removeObject(objectPath), removeShared(sharedPath), removeLog(logPath);
  {
    std::error_code error;
    llvm::raw_fd_ostream stream(objectPath, error);
    stream << object;
    stream.close();
    if (error || stream.has_error()) {
      stream.clear_error();
      return "cannot write " + objectPath.str().str();
    }
  }
  std::string libm = findLibm();
  std::vector<llvm::StringRef> args{linker,        "-shared", "-z",       "noexecstack",
                                    "--as-needed", "-o",      sharedPath, objectPath};
  if (!libm.empty())
    args.push_back(libm);
  std::string message;
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""), llvm::StringRef(logPath),
                                                llvm::StringRef(logPath)};
  int rc = llvm::sys::ExecuteAndWait(linker, args, std::nullopt, redirects, /*SecondsToWait=*/120, /*MemoryLimit=*/0,
                                     &message);
  if (rc != 0) {
    if (auto log = llvm::MemoryBuffer::getFile(logPath); log && message.empty())
      message = (*log)->getBuffer().trim().str();
    return linker + " failed with " + std::to_string(rc) + ": " + message;
  }
  auto bytes = llvm::MemoryBuffer::getFile(sharedPath, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!bytes)
    return "cannot read " + sharedPath.str().str() + ": " + bytes.getError().message();
  shared = (*bytes)->getBuffer().str();
  return "";
}
