// Checkpoints as a folder each: state.safetensors, and a manifest that makes it valid.
#define XXH_INLINE_ALL
#include "runtime/checkpoint/Checkpoint.h"
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>
#include <xxhash.h>

namespace llcc::rt {

namespace fs = std::filesystem;
using Json = nlohmann::json;

static std::string hashOf(const std::string &bytes) {
  char text[17];
  snprintf(text, sizeof text, "%016llx", (unsigned long long)XXH3_64bits(bytes.data(), bytes.size()));
  return text;
}

static void syncFolder(const std::string &path) {
  int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
}

static std::vector<llcc_rt_variable_info> variablesOf(const llcc_rt_module *module) {
  std::vector<llcc_rt_variable_info> variables;
  int64_t count = 0;
  llcc_rt_module_info(module, "variables", &count);
  for (int64_t i = 0; i < count; ++i) {
    llcc_rt_variable_info info;
    if (llcc_rt_variable(module, size_t(i), &info))
      throw Failure{70, llcc_rt_last_error()};
    variables.push_back(info);
  }
  return variables;
}

// Parameters and states live in one file; a state's name ("m:fc1.weight") cannot be confused with a parameter's this
// way.
static std::string keyOf(const llcc_rt_variable_info &info) {
  return std::string(info.is_state ? "state/" : "param/") + info.name;
}

static uint64_t bytesOf(const llcc_rt_variable_info &info) {
  return Shape{DType(info.dtype), {info.dims, info.dims + info.rank}}.bytes();
}

// Folders step-NNNNNNNN of `folder`, newest first.
static std::vector<fs::path> stepsOf(const std::string &folder) {
  std::vector<fs::path> steps;
  std::error_code error;
  for (auto &entry : fs::directory_iterator(folder, error)) {
    std::string name = entry.path().filename();
    if (name.rfind("step-", 0) == 0 && name.find(".tmp") == std::string::npos &&
        fs::exists(entry.path() / "manifest.json"))
      steps.push_back(entry.path());
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

void makeCheckpointFolder(const std::string &folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && access(folder.c_str(), W_OK))
    error = std::error_code(errno, std::generic_category());
  if (error)
    throw Failure{73, "--checkpoint=" + folder + ": the folder cannot be made or written: " + error.message()};
}

// What a run that was killed while writing left behind. Two runs do not share a folder.
static void removeUnfinished(const std::string &folder) {
  std::error_code error;
  for (auto &entry : fs::directory_iterator(folder, error)) {
    std::string name = entry.path().filename();
    if (name.rfind("step-", 0) == 0 && name.find(".tmp-") != std::string::npos)
      fs::remove_all(entry.path(), error);
  }
}

std::string saveCheckpoint(const std::string &folder, llcc_rt_session *session, const llcc_rt_module *module,
                           const CheckpointFacts &facts) {
  Arrays arrays;
  for (const llcc_rt_variable_info &info : variablesOf(module)) {
    Array &array = arrays[keyOf(info)];
    array.shape = {DType(info.dtype), {info.dims, info.dims + info.rank}};
    array.bytes.resize(array.shape.bytes());
    if (int code = llcc_rt_get(session, info.name, array.bytes.data(), array.bytes.size()))
      throw Failure{code, llcc_rt_last_error()};
  }
  std::string state = toSafeTensors(arrays);
  Json manifest = {{"format", 1},
                   {"step", facts.step},
                   {"batch", facts.batch},
                   {"seed", facts.seed},
                   {"shuffle", facts.shuffle},
                   {"model", facts.model},
                   {"optimizer", facts.optimizer},
                   {"state", {{"file", "state.safetensors"}, {"bytes", state.size()}, {"xxh3", hashOf(state)}}}};
  char name[32];
  snprintf(name, sizeof name, "step-%08lld", (long long)facts.step);
  makeCheckpointFolder(folder);
  removeUnfinished(folder);
  std::error_code error;
  fs::path target = fs::path(folder) / name, temporary = target.string() + ".tmp-" + std::to_string(getpid());
  if (!fs::create_directory(temporary, error))
    throw Failure{73, temporary.string() + ": cannot make the folder: " + error.message()};
  try {
    writeFile(temporary / "state.safetensors", state.data(), state.size());
    std::string text = manifest.dump(1);
    writeFile(temporary / "manifest.json", text.data(), text.size());
  } catch (...) {
    fs::remove_all(temporary, error);
    throw;
  }
  syncFolder(temporary);
  // A checkpoint of the same step (a resumed run) gives way; until the rename the older steps stay valid.
  fs::remove_all(target, error);
  fs::rename(temporary, target, error);
  if (error)
    throw Failure{74, target.string() + ": cannot rename the finished checkpoint: " + error.message()};
  syncFolder(folder);
  std::vector<fs::path> steps = stepsOf(folder);
  for (size_t i = 2; i < steps.size(); ++i)
    fs::remove_all(steps[i], error);
  return target;
}

static Json manifestOf(const std::string &checkpoint) {
  std::string path = checkpoint + "/manifest.json";
  Json manifest = Json::parse(readFile(path), nullptr, false);
  auto number = [&](const char *key) { return manifest.contains(key) && manifest[key].is_number_integer(); };
  auto text = [&](const char *key) { return manifest.contains(key) && manifest[key].is_string(); };
  if (!manifest.is_object() || !number("step") || !number("batch") || !number("seed") || !text("model") ||
      !text("optimizer") || !manifest.contains("shuffle") || !manifest["shuffle"].is_boolean() ||
      !manifest.contains("state") || !manifest["state"].contains("xxh3") || !manifest["state"]["xxh3"].is_string())
    throw Failure{65, path + ": is not a manifest of llcc, or is damaged"};
  return manifest;
}

// Bytes of the state once its hash fits.
static void checkHash(const std::string &checkpoint, const Json &manifest) {
  std::string path = checkpoint + "/state.safetensors", bytes = readFile(path), hash = hashOf(bytes),
              want = manifest["state"]["xxh3"];
  if (hash != want)
    throw Failure{65, path + ": has " + std::to_string(bytes.size()) + " bytes with the hash " + hash +
                          ", the manifest says " + manifest["state"].value("bytes", Json()).dump() + " bytes with " +
                          want + "; the checkpoint is damaged"};
}

std::string newestCheckpoint(const std::string &folder) {
  for (const fs::path &path : stepsOf(folder))
    try {
      checkHash(path, manifestOf(path));
      return path;
    } catch (const Failure &failure) {
      fprintf(stderr, "warning: %s; trying the one before\n", failure.text.c_str());
    }
  return "";
}

CheckpointFacts loadCheckpoint(const std::string &checkpoint, llcc_rt_session *session, const llcc_rt_module *module) {
  Json manifest = manifestOf(checkpoint);
  checkHash(checkpoint, manifest);
  Arrays arrays = readSafeTensors(checkpoint + "/state.safetensors");
  std::string wrong;
  std::vector<llcc_rt_variable_info> variables = variablesOf(module);
  for (const llcc_rt_variable_info &info : variables) {
    auto found = arrays.find(keyOf(info));
    std::vector<int64_t> dims(info.dims, info.dims + info.rank);
    if (found == arrays.end())
      wrong += std::string("\n  ") + keyOf(info) + " is not in the checkpoint";
    else if (found->second.shape.dims != dims || found->second.shape.type != DType(info.dtype))
      wrong += std::string("\n  ") + keyOf(info) + " is " + nameOf(found->second.shape.type) +
               format(found->second.shape.dims) + " there, " + nameOf(DType(info.dtype)) + format(dims) + " here";
  }
  if (!wrong.empty())
    throw Failure{65, checkpoint + ": does not fit this artifact (made with --optimizer=" +
                          manifest["optimizer"].get<std::string>() + " from " + manifest["model"].get<std::string>() +
                          "):" + wrong};
  // The step first: other ranks learn from it that there is something to take.
  if (int code = llcc_rt_set_step(session, manifest["step"].get<int64_t>()))
    throw Failure{code, llcc_rt_last_error()};
  for (const llcc_rt_variable_info &info : variables) {
    Array &array = arrays[keyOf(info)];
    if (int code = llcc_rt_set(session, info.name, array.bytes.data(), array.bytes.size()))
      throw Failure{code, llcc_rt_last_error()};
  }
  CheckpointFacts facts{manifest["step"],    manifest["batch"], manifest["seed"],
                        manifest["shuffle"], manifest["model"], manifest["optimizer"]};
  return facts;
}

void giveCheckpoint(llcc_rt_session *session, const llcc_rt_module *module) {
  for (const llcc_rt_variable_info &info : variablesOf(module))
    if (int code = llcc_rt_get(session, info.name, nullptr, bytesOf(info)))
      throw Failure{code, llcc_rt_last_error()};
}

int64_t receiveCheckpoint(llcc_rt_session *session, const llcc_rt_module *module) {
  int64_t step = 0;
  int code = llcc_rt_set_step(session, 0);
  code = code ? code : llcc_rt_get_step(session, &step);
  if (step > 0)
    for (const llcc_rt_variable_info &info : variablesOf(module))
      code = code ? code : llcc_rt_set(session, info.name, nullptr, bytesOf(info));
  if (code)
    throw Failure{code, llcc_rt_last_error()};
  return step;
}

} // namespace llcc::rt
