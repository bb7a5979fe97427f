// The C interface: turns errors into codes; nothing is thrown through it.
#include "runtime/core/Error.h"
#include "runtime/core/Session.h"
#include <algorithm>
#include <cstring>

using namespace llcc::rt;

struct llcc_rt_module {
  explicit llcc_rt_module(const char *path) : module(path) {}
  Module module;
};
struct llcc_rt_session {
  llcc_rt_session(const Module &module, const llcc_rt_options &options) : session(module, options) {}
  Session session;
  bool broken = false; ///< a device failed in the middle of a step
};

static thread_local std::string lastError;

template <typename Body> static int guarded(Body body) {
  try {
    body();
    return 0;
  } catch (const Error &error) {
    lastError = error.text;
    return error.code;
  } catch (const std::bad_alloc &) {
    lastError = "out of memory on this machine";
    return 71;
  } catch (const std::exception &error) {
    lastError = std::string("bug in llcc: ") + error.what();
    return 70;
  }
}

static void need(bool good, const char *text) {
  if (!good)
    throw Error{64, text};
}

#define LLCC_API extern "C" __attribute__((visibility("default")))

LLCC_API const char *llcc_rt_last_error(void) { return lastError.c_str(); }

LLCC_API int llcc_rt_module_load(const char *path, llcc_rt_module **module) {
  return guarded([&] {
    need(path && module, "llcc_rt_module_load needs a path and a place for the module");
    *module = new llcc_rt_module(path);
  });
}

LLCC_API void llcc_rt_module_free(llcc_rt_module *module) { delete module; }

LLCC_API int llcc_rt_module_info(const llcc_rt_module *module, const char *key, int64_t *value) {
  return guarded([&] {
    need(module && key && value, "llcc_rt_module_info needs a module, a key and a place for the value");
    const Plan &plan = module->module.plan;
    std::string k = key;
    uint64_t memory = 0;
    for (const Program &program : plan.programs)
      memory = std::max(memory, program.kind == Program::Kind::Step ? program.arenaBytes : 0);
    if (k == "batch")
      *value = plan.batch;
    else if (k == "microbatches")
      *value = plan.microbatches;
    else if (k == "devices")
      *value = plan.devices();
    else if (k == "stages")
      *value = plan.stages();
    else if (k == "memory")
      *value = int64_t(memory);
    else if (k == "inputs")
      *value = int64_t(plan.inputs.size());
    else if (k == "outputs")
      *value = int64_t(plan.outputs.size());
    else if (k == "variables")
      *value = int64_t(plan.variables.size());
    else
      throw Error{64, "\"" + k +
                          "\" is no fact of a module, needs batch, microbatches, devices, stages, memory, inputs, "
                          "outputs or variables"};
  });
}

LLCC_API int llcc_rt_session_create(const llcc_rt_module *module, const llcc_rt_options *options,
                                    llcc_rt_session **session) {
  return guarded([&] {
    need(module && session, "llcc_rt_session_create needs a module and a place for the session");
    llcc_rt_options known{};
    if (options)
      memcpy(&known, options, std::min<size_t>(sizeof known, options->size));
    *session = new llcc_rt_session(module->module, known);
  });
}

LLCC_API void llcc_rt_session_free(llcc_rt_session *session) { delete session; }

LLCC_API int llcc_rt_train_step_gradients(llcc_rt_session *session, const llcc_rt_tensor *inputs, size_t count,
                                          double lr, llcc_rt_step_result *result, llcc_rt_tensor *gradients,
                                          size_t gradientCount) {
  return guarded([&] {
    need(session && (inputs || !count) && (gradients || !gradientCount),
         "llcc_rt_train_step needs a session and inputs");
    need(!session->broken, "this session failed in an earlier step; make a new one and load the last checkpoint");
    llcc_rt_step_result done;
    try {
      done = session->session.trainStep(inputs, count, lr, gradients, gradientCount);
    } catch (const Error &error) {
      session->broken = error.code == 69 || error.code == 70;
      throw;
    }
    if (result)
      memcpy(reinterpret_cast<char *>(result) + sizeof(uint32_t), reinterpret_cast<char *>(&done) + sizeof(uint32_t),
             std::min<size_t>(result->size ? result->size : sizeof done, sizeof done) - sizeof(uint32_t));
  });
}

LLCC_API int llcc_rt_train_step(llcc_rt_session *session, const llcc_rt_tensor *inputs, size_t count, double lr,
                                llcc_rt_step_result *result) {
  return llcc_rt_train_step_gradients(session, inputs, count, lr, result, nullptr, 0);
}

LLCC_API int llcc_rt_infer(llcc_rt_session *session, const llcc_rt_tensor *inputs, size_t count, int64_t rows,
                           llcc_rt_tensor *outputs, size_t outputCount) {
  return guarded([&] {
    need(session && (inputs || !count) && (outputs || !outputCount) && rows > 0,
         "llcc_rt_infer needs a session, inputs, outputs and at least one row");
    session->session.infer(inputs, count, rows, outputs, outputCount);
  });
}

LLCC_API int llcc_rt_variable(const llcc_rt_module *module, size_t index, llcc_rt_variable_info *info) {
  return guarded([&] {
    need(module && info, "llcc_rt_variable needs a module and a place for the answer");
    const Plan &plan = module->module.plan;
    need(index < plan.variables.size(), "llcc_rt_variable: no variable has this number");
    const Variable &v = plan.variables[index];
    *info = {v.name.c_str(),
             v.role == Variable::Role::State,
             v.trainable,
             llcc_rt_dtype(v.shape.type),
             uint32_t(v.shape.dims.size()),
             v.shape.dims.data()};
  });
}

static size_t variableOf(const llcc_rt_session *session, const char *name, size_t bytes) {
  int64_t v = session->session.module.find(name);
  if (v < 0)
    throw Error{64, std::string("\"") + name + "\" is no variable of this model"};
  uint64_t need = session->session.module.plan.variables[size_t(v)].shape.bytes();
  if (bytes != need)
    throw Error{64, std::string("\"") + name + "\" has " + std::to_string(need) + " bytes, " + std::to_string(bytes) +
                        " were given"};
  return size_t(v);
}

LLCC_API int llcc_rt_get(llcc_rt_session *session, const char *variable, void *data, size_t bytes) {
  return guarded([&] {
    need(session && variable && data, "llcc_rt_get needs a session, a name and memory");
    session->session.get(variableOf(session, variable, bytes), static_cast<char *>(data));
  });
}

LLCC_API int llcc_rt_set(llcc_rt_session *session, const char *variable, const void *data, size_t bytes) {
  return guarded([&] {
    need(session && variable && data, "llcc_rt_set needs a session, a name and memory");
    session->session.set(variableOf(session, variable, bytes), static_cast<const char *>(data));
  });
}

LLCC_API int llcc_rt_get_step(llcc_rt_session *session, int64_t *step) {
  return guarded([&] {
    need(session && step, "llcc_rt_get_step needs a session and a place for the number");
    *step = session->session.step;
  });
}

LLCC_API int llcc_rt_set_step(llcc_rt_session *session, int64_t step) {
  return guarded([&] {
    need(session && step >= 0, "llcc_rt_set_step needs a session and a number of at least 0");
    session->session.step = step;
  });
}

LLCC_API int llcc_rt_save(llcc_rt_session *session, const char *path) {
  return guarded([&] {
    need(session && path, "llcc_rt_save needs a session and a path");
    session->session.save(path);
  });
}
