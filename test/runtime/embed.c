/* How a C program trains and serves with llcc: load, step on batches, infer, save. Usage: embed MODEL.llx TRAINED.onnx
 * The model has inputs x [12, 5] and t [12, 3] and an output y [12, 3], all f32; t = x times the matrix of (i + j)
 * / 10. */
#include "runtime/llcc_rt.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void check(int code) {
  if (code) {
    fprintf(stderr, "%s\n", llcc_rt_last_error());
    exit(code);
  }
}

int main(int argc, char **argv) {
  llcc_rt_module *module;
  llcc_rt_session *session;
  float x[12][5], t[12][3], y[12][3], worst = 0;
  int64_t xDims[] = {12, 5}, tDims[] = {12, 3}, devices;
  llcc_rt_tensor batch[] = {{"x", LLCC_RT_F32, 2, xDims, x, sizeof x}, {"t", LLCC_RT_F32, 2, tDims, t, sizeof t}};
  llcc_rt_tensor output = {"y", LLCC_RT_F32, 2, tDims, y, sizeof y};
  llcc_rt_options options = {.size = sizeof options, .threads = 2};
  llcc_rt_step_result result = {.size = sizeof result};
  unsigned random = 1;

  if (argc != 3) {
    fprintf(stderr, "usage: embed MODEL.llx TRAINED.onnx\n");
    return 64;
  }
  check(llcc_rt_module_load(argv[1], &module));
  check(llcc_rt_module_info(module, "devices", &devices));
  check(llcc_rt_session_create(module, &options, &session));

  for (int step = 0; step < 400; ++step) { /* a new batch each step */
    for (int i = 0; i < 12; ++i) {
      for (int k = 0; k < 5; ++k) {
        random = random * 1664525u + 1013904223u;
        x[i][k] = (float)(random >> 16) / 32768 - 1;
      }
      for (int j = 0; j < 3; ++j) {
        t[i][j] = 0;
        for (int k = 0; k < 5; ++k)
          t[i][j] += x[i][k] * (float)(k + j) / 10;
      }
    }
    check(llcc_rt_train_step(session, batch, 2, 0.5, &result));
  }

  check(llcc_rt_infer(session, batch, 1, 12, &output, 1)); /* the label is not needed */
  for (int i = 0; i < 12; ++i)
    for (int j = 0; j < 3; ++j)
      worst = fmaxf(worst, fabsf(y[i][j] - t[i][j]));
  printf("%d devices, step %d, loss %s, outputs %s\n", (int)devices, (int)result.step,
         result.loss < 1e-6 ? "small" : "large", worst < 1e-3f ? "right" : "wrong");

  check(llcc_rt_save(session, argv[2]));
  llcc_rt_session_free(session);
  llcc_rt_module_free(module);
  return 0;
}
