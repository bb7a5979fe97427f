/* The C interface of the llcc runtime: load an artifact, train, infer, move state. No C++ in it, no exceptions through
 * it. Every call returns 0 or an exit code of sysexits (64 usage, 65 bad artifact or data, 66 no such file, 69 a device
 * or a rank failed, 70 bug in llcc, 73 cannot create, 74 input/output error, 78 does not fit the memory limit, ranks
 * differ); llcc_rt_last_error() then says why in one sentence. A session may be used from one thread at a time;
 * different sessions are independent. */
#ifndef LLCC_RT_H
#define LLCC_RT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define LLCC_RT_VERSION 1

typedef struct llcc_rt_module llcc_rt_module;   /* a loaded and verified artifact, immutable */
typedef struct llcc_rt_session llcc_rt_session; /* devices, memory, weights and state of one training or serving run */

typedef enum {
  LLCC_RT_F32,
  LLCC_RT_F64,
  LLCC_RT_BF16,
  LLCC_RT_F16,
  LLCC_RT_I8,
  LLCC_RT_U8,
  LLCC_RT_I16,
  LLCC_RT_I32,
  LLCC_RT_I64,
  LLCC_RT_BOOL
} llcc_rt_dtype;

/* A host array, row-major. `data` belongs to the caller. */
typedef struct {
  const char *name;
  llcc_rt_dtype dtype;
  uint32_t rank;
  const int64_t *dims;
  void *data;
  size_t bytes;
} llcc_rt_tensor;

typedef struct llcc_rt_world llcc_rt_world; /* processes that run one plan together, a device each */

typedef struct {
  uint32_t size;         /* sizeof(llcc_rt_options): lets the struct grow */
  uint32_t threads;      /* CPU threads for all devices together; 0: as many as the machine has */
  uint64_t memory_limit; /* bytes a device may use; 0: no limit. A plan that needs more is refused here */
  uint32_t timeout_ms;   /* how long a device waits for its peers; 0: 60000 */
  llcc_rt_world *world;  /* outlives the session; NULL: all devices are threads of this process */
} llcc_rt_options;

typedef struct {
  uint32_t size;
  int64_t step;     /* number of the step just done, from 1 */
  double loss;      /* mean over the batch */
  double grad_norm; /* NaN where the plan does not compute it; in a world only rank 0 knows it */
  int32_t stop;     /* not 0: a stop was asked for, and this was the last step, on all ranks */
} llcc_rt_step_result;

typedef struct {
  const char *name; /* ONNX name; state: "m:fc1.weight" */
  int is_state, trainable;
  llcc_rt_dtype dtype;
  uint32_t rank;
  const int64_t *dims; /* logical shape */
} llcc_rt_variable_info;

const char *llcc_rt_last_error(void); /* of this thread */

int llcc_rt_module_load(const char *path, llcc_rt_module **module);
void llcc_rt_module_free(llcc_rt_module *module);
/* Facts: "batch", "microbatches", "devices", "stages", "memory" (bytes of the fullest device), "inputs", "outputs",
 * "variables". */
int llcc_rt_module_info(const llcc_rt_module *module, const char *key, int64_t *value);

int llcc_rt_session_create(const llcc_rt_module *module, const llcc_rt_options *options, llcc_rt_session **session);
void llcc_rt_session_free(llcc_rt_session *session);
/* Facts, in bytes, beside what the plan places: "library_memory" (layouts and scratchpads of oneDNN, all devices
 * together), "transit_memory" (messages between pipeline stages, the most that was on its way). In nanoseconds, of the
 * trace last saved, a step of a device in the mean: "trace_step", "trace_communication" (collectives, sends, receives,
 * waiting for peers included), "trace_hidden" (the part of it during which the device computed). */
int llcc_rt_session_info(const llcc_rt_session *session, const char *key, int64_t *value);

/* One training step on one global batch: every input and the label by name, first dimension = batch. `lr` is this
 * step's learning rate. A loss that is not finite returns 65 and leaves weights as they were before the step where the
 * plan allows. */
int llcc_rt_train_step(llcc_rt_session *session, const llcc_rt_tensor *inputs, size_t count, double lr,
                       llcc_rt_step_result *result);
/* As above, and copies the gradients of this step, whole, into `gradients` (by parameter name). */
int llcc_rt_train_step_gradients(llcc_rt_session *session, const llcc_rt_tensor *inputs, size_t count, double lr,
                                 llcc_rt_step_result *result, llcc_rt_tensor *gradients, size_t gradient_count);
/* Forward pass of `rows` samples, in runs of the batch that the model was compiled for (the last one is padded with
 * zeros); outputs by name, sized for `rows` samples. */
int llcc_rt_infer(llcc_rt_session *session, const llcc_rt_tensor *inputs, size_t count, int64_t rows,
                  llcc_rt_tensor *outputs, size_t output_count);

int llcc_rt_variable(const llcc_rt_module *module, size_t index, llcc_rt_variable_info *info);
/* Whole logical tensors, gathered from or cut for the devices. */
int llcc_rt_get(llcc_rt_session *session, const char *variable, void *data, size_t bytes);
int llcc_rt_set(llcc_rt_session *session, const char *variable, const void *data, size_t bytes);
int llcc_rt_get_step(llcc_rt_session *session, int64_t *step);
int llcc_rt_set_step(llcc_rt_session *session, int64_t step);
/* Seed of random bits (dropout and the like); the bits of a step are a function of it and of the step's number. 0 at
 * first. */
int llcc_rt_set_seed(llcc_rt_session *session, uint64_t seed);

/* Asks for an end, for a reason above 0 (a signal's number): the `stop` of a coming step tells all ranks alike that it
 * was the last one. */
int llcc_rt_request_stop(llcc_rt_session *session, int reason);

/* Times every instruction of the training steps from now on (the first 2^20 of a device are kept); save writes them in
 * Chrome's trace format, a row a device and stream, named by ONNX node; in a world rank 0 writes those of all ranks. */
int llcc_rt_trace_begin(llcc_rt_session *session);
int llcc_rt_trace_save(llcc_rt_session *session, const char *path);

/* Writes the ONNX model (or, for a path that ends in .llx, the artifact) with the session's weights: whole or not at
 * all. */
int llcc_rt_save(llcc_rt_session *session, const char *path);

/* Processes. Each of N runs the same artifact of N devices and calls the same functions in the same order, with the
 * same batch (each cuts its device's part out of it; inputs that its stage does not read may be left out). Rank 0 is
 * the one that reads and writes files: llcc_rt_get, llcc_rt_save, llcc_rt_infer and llcc_rt_train_step_gradients give
 * their results there, llcc_rt_set and llcc_rt_set_step take theirs from there; on other ranks they only take part, and
 * `data` and arrays may be NULL. Any failure of any rank ends the world.
 *
 * join: `network` "auto": RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in the environment mean TCP, being started by
 * mpirun means MPI, else *world is NULL: this process is alone. Or "tcp", "mpi", "none". `timeout_ms`: patience for
 * ranks that do not come, are silent, or stand still; 0: 60 s, 8 s and 60 s. LLCC_JOB_TOKEN keeps strangers out;
 * nothing is encrypted. */
int llcc_rt_world_join(const char *network, uint32_t timeout_ms, llcc_rt_world **world);
/* Facts: "rank", "size". */
int llcc_rt_world_info(const llcc_rt_world *world, const char *key, int64_t *value);
/* Compares lines "name=value" between all ranks: 78 on all where they differ, naming two ranks and what differs. */
int llcc_rt_world_agree(llcc_rt_world *world, const char *facts);
/* `call` is told of the world's failure at once, from a thread of the world, and must not block; every other call fails
 * with it as soon as it looks. */
int llcc_rt_world_on_failure(llcc_rt_world *world, void (*call)(int code, const char *text, void *context),
                             void *context);
/* The last call: with code 0 waits until every rank has come to its end; else tells the others why this one ends, and
 * so do they. 69: a rank was lost. */
int llcc_rt_world_leave(llcc_rt_world *world, int code, const char *text);
void llcc_rt_world_free(llcc_rt_world *world);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
