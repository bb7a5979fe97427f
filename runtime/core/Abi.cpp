// The C interface: catches every failure, keeps its sentence for llcc_rt_last_error.
#include "runtime/core/Guard.h"
#include "runtime/core/Save.h"
#include "runtime/core/Session.h"
#include "runtime/core/Worlds.h"
#include "runtime/llcc_rt.h"
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

using namespace llcc::rt;

struct llcc_rt_module {
  explicit llcc_rt_module(const char *path) : owner(std::make_shared<Module>(path)), module(*owner) {}
  std::shared_ptr<const Module> owner; ///< sessions own it as well, so it may be freed before them
  const Module &module;
};
struct llcc_rt_session {
  llcc_rt_session(std::shared_ptr<const Module> module, const llcc_rt_options &options)
      : session(std::move(module), options, options.world ? options.world->world.get() : nullptr) {}
  Session session;
};

namespace {

/// The caller's options, with defaults for what its version of the struct lacks.
llcc_rt_options optionsOf(const llcc_rt_options *given) {
  llcc_rt_options options{};
  if (given) {
    need(given->size >= sizeof(uint32_t), "llcc_rt_options.size must be set to sizeof(llcc_rt_options)");
    std::memcpy(&options, given, std::min<size_t>(given->size, sizeof options));
  }
  options.size = sizeof options;
  return options;
}

int64_t fact(const Module &module, const std::string &key) {
  const Plan &plan = module.plan;
  if (key == "batch")
    return plan.batch;
  if (key == "microbatches")
    return plan.microbatches;
  if (key == "devices")
    return module.trains() ? plan.devices() : 1;
  if (key == "stages")
    return plan.stages();
  if (key == "memory")
    return static_cast<int64_t>(module.memory());
  if (key == "inputs")
    return static_cast<int64_t>(plan.inputs.size());
  if (key == "outputs")
    return static_cast<int64_t>(plan.outputs.size());
  if (key == "variables")
    return static_cast<int64_t>(plan.variables.size());
  throw Error{Usage, "there is no fact \"" + key + "\" about a module"};
}

uint64_t checkBytes(const Session &session, size_t index, size_t bytes) {
  const Variable &variable = session.module.plan.variables[index];
  if (bytes != variable.shape.bytes())
    throw Error{Usage, "variable \"" + variable.name + "\" has " + std::to_string(variable.shape.bytes()) +
                           " bytes, it is given " + std::to_string(bytes)};
  return bytes;
}

} // namespace

std::string &llcc::rt::lastErrorText() {
  thread_local std::string text;
  return text;
}
const char *llcc_rt_last_error(void) { return lastErrorText().c_str(); }

int llcc_rt_module_load(const char *path, llcc_rt_module **module) {
  return guarded([&] {
    need(path && module, "llcc_rt_module_load needs a path and a place for the module");
    *module = nullptr;
    *module = new llcc_rt_module(path);
  });
}
void llcc_rt_module_free(llcc_rt_module *module) { delete module; }

int llcc_rt_module_info(const llcc_rt_module *module, const char *key, int64_t *value) {
  return guarded([&] {
    need(module && key && value, "llcc_rt_module_info needs a module, a key and a place for the value");
    *value = fact(module->module, key);
  });
}

int llcc_rt_session_create(const llcc_rt_module *module, const llcc_rt_options *options, llcc_rt_session **session) {
  return guarded([&] {
    need(module && session, "llcc_rt_session_create needs a module and a place for the session");
    *session = nullptr;
    *session = new llcc_rt_session(module->owner, optionsOf(options));
  });
}
void llcc_rt_session_free(llcc_rt_session *session) {
  // A thread that hangs in a kernel may come back one day: what it uses, kernels included, is left behind.
  if (session && !session->session.isLost())
    delete session;
}

int llcc_rt_session_info(const llcc_rt_session *session, const char *key, int64_t *value) {
  return guarded([&] {
    need(session && key && value, "llcc_rt_session_info needs a session, a key and a place for the value");
    std::string name = key;
    if (name == "library_memory")
      *value = static_cast<int64_t>(session->session.libraryBytes());
    else if (name == "transit_memory")
      *value = static_cast<int64_t>(session->session.transitBytes());
    else {
      const Overlap &overlap = session->session.overlap;
      auto nanoseconds = [](double seconds) { return static_cast<int64_t>(seconds * 1e9); };
      if (name == "trace_step")
        *value = nanoseconds(overlap.step);
      else if (name == "trace_communication")
        *value = nanoseconds(overlap.communication);
      else if (name == "trace_hidden")
        *value = nanoseconds(overlap.hidden);
      else
        throw Error{Usage, "there is no fact \"" + name + "\" about a session"};
    }
  });
}

int llcc_rt_train_step(llcc_rt_session *session, const llcc_rt_tensor *inputs, size_t count, double lr,
                       llcc_rt_step_result *result) {
  return llcc_rt_train_step_gradients(session, inputs, count, lr, result, nullptr, 0);
}

int llcc_rt_train_step_gradients(llcc_rt_session *session, const llcc_rt_tensor *inputs, size_t count, double lr,
                                 llcc_rt_step_result *result, llcc_rt_tensor *gradients, size_t gradient_count) {
  return guarded([&] {
    need(session && (inputs || count == 0) && (gradients || gradient_count == 0),
         "llcc_rt_train_step needs a session and its arrays");
    llcc_rt_step_result full{};
    session->session.train(inputs, count, lr, full, gradients, gradient_count);
    if (result) {
      full.size = result->size;
      std::memcpy(result, &full, std::min<size_t>(result->size, sizeof full));
    }
  });
}

int llcc_rt_infer(llcc_rt_session *session, const llcc_rt_tensor *inputs, size_t count, int64_t rows,
                  llcc_rt_tensor *outputs, size_t output_count) {
  return guarded([&] {
    need(session && (inputs || count == 0) && (outputs || output_count == 0),
         "llcc_rt_infer needs a session and its arrays");
    session->session.infer(inputs, count, rows, outputs, output_count);
  });
}

int llcc_rt_variable(const llcc_rt_module *module, size_t index, llcc_rt_variable_info *info) {
  return guarded([&] {
    need(module && info, "llcc_rt_variable needs a module and a place for the facts");
    need(index < module->module.plan.variables.size(), "llcc_rt_variable: there are not so many variables");
    const Variable &variable = module->module.plan.variables[index];
    *info = {variable.name.c_str(),
             variable.role == Variable::Role::State,
             variable.trainable,
             static_cast<llcc_rt_dtype>(variable.shape.type),
             static_cast<uint32_t>(variable.dimsInFile().size()),
             variable.dimsInFile().data()};
  });
}

int llcc_rt_get(llcc_rt_session *session, const char *variable, void *data, size_t bytes) {
  return guarded([&] {
    need(session && variable && (data || bytes == 0 || !session->session.isRoot()),
         "llcc_rt_get needs a session, a variable and a place for its values");
    session->session.checkSound();
    size_t index = session->session.module.variable(variable);
    checkBytes(session->session, index, bytes);
    session->session.get(index, static_cast<char *>(data));
  });
}

int llcc_rt_set(llcc_rt_session *session, const char *variable, const void *data, size_t bytes) {
  return guarded([&] {
    need(session && variable && (data || bytes == 0 || !session->session.isRoot()),
         "llcc_rt_set needs a session, a variable and its values");
    session->session.checkSound();
    size_t index = session->session.module.variable(variable);
    checkBytes(session->session, index, bytes);
    session->session.set(index, static_cast<const char *>(data));
  });
}

int llcc_rt_get_step(llcc_rt_session *session, int64_t *step) {
  return guarded([&] {
    need(session && step, "llcc_rt_get_step needs a session and a place for the step");
    *step = session->session.step;
  });
}

int llcc_rt_set_step(llcc_rt_session *session, int64_t step) {
  return guarded([&] {
    need(session && step >= 0, "llcc_rt_set_step needs a session and a step of 0 or more");
    session->session.setStep(step);
  });
}

int llcc_rt_set_seed(llcc_rt_session *session, uint64_t seed) {
  return guarded([&] {
    need(session, "llcc_rt_set_seed needs a session");
    session->session.setSeed(seed);
  });
}

int llcc_rt_request_stop(llcc_rt_session *session, int reason) {
  return guarded([&] {
    need(session && reason > 0, "llcc_rt_request_stop needs a session and a reason above 0");
    session->session.requestStop(reason);
  });
}

int llcc_rt_trace_begin(llcc_rt_session *session) {
  return guarded([&] {
    need(session, "llcc_rt_trace_begin needs a session");
    session->session.beginTrace();
  });
}

int llcc_rt_trace_save(llcc_rt_session *session, const char *path) {
  return guarded([&] {
    need(session && path && *path, "llcc_rt_trace_save needs a session and a path");
    session->session.saveTrace(path);
  });
}

int llcc_rt_save(llcc_rt_session *session, const char *path) {
  return guarded([&] {
    need(session && path && *path, "llcc_rt_save needs a session and a path");
    save(session->session, path);
  });
}
