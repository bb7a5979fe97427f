// llrun: trains, runs, measures and shows artifacts. No compiler in it.
#include "runtime/data/Failure.h"
#include "runtime/llrun/Commands.h"
#include "runtime/llrun/Flags.h"
#include "runtime/llrun/Help.h"
#include <CLI/CLI.hpp>
#include <cstdio>

using namespace llcc::rt;

int main(int argc, char **argv) {
  CLI::App app("Runs artifacts of llcc", "llrun");
  app.set_version_flag("--version", "llrun 0.1.0");
  app.require_subcommand(1);
  TrainOptions training;
  std::string artifact, data, label, out, section, trace;
  uint32_t threads = 0;
  int64_t steps = 100;
  bool full = false, ir = false;

  auto command = [&](const char *name, const char *text) {
    CLI::App *sub = app.add_subcommand(name, text);
    sub->add_option("artifact", artifact, "artifact of llcc")->required()->type_name("MODEL.llx");
    return sub;
  };
  CLI::App *trains = command("train", "train; write the trained ONNX back");
  addTrainFlags(*trains, training);
  trains->get_option("--data")->required();
  trains->add_flag("--require-certificate", training.certified, "refuse an artifact without a certificate");
  setHeadings(*trains, trainHeadings());
  CLI::App *infers = command("infer", "forward pass over a data file");
  infers->add_option("--data", data, "npz, safetensors, or a folder with idx files")->required()->type_name("FILE|DIR");
  infers->add_option("--label", label, "array with labels, to measure accuracy")->type_name("NAME");
  infers->add_option("--out", out, "outputs by name")->type_name("FILE.npz");
  infers->add_flag("--require-certificate", training.certified, "refuse an artifact without a certificate");
  infers->add_option("--threads", threads, "CPU threads")->type_name("N")->check(atLeast(1));
  CLI::App *benches = command("bench", "time training steps on random data");
  benches->add_option("--steps", steps, "steps to time (default 100)")->type_name("N")->check(atLeast(1));
  benches->add_option("--threads", threads, "CPU threads of all devices together")->type_name("N")->check(atLeast(1));
  benches->add_option("--trace", trace, "Chrome trace of the timed steps")->type_name("FILE.json");
  CLI::App *inspects = command("inspect", "what the artifact holds");
  inspects->add_flag("--full", full, "every instruction");
  inspects->add_flag("--ir", ir, "the IR after the lower stage");
  inspects->add_option("--section", section, "the bytes of one section")->type_name("NAME");
  CLI::App *exports = command("export", "write the model with the artifact's weights");
  exports->add_option("-o,--out", out, "model (.onnx) or artifact (.llx)")->required()->type_name("FILE");

  app.add_subcommand("launch", "start N ranks of another command on this machine: llrun launch N train MODEL.llx …");
  if (argc > 1 && std::string(argv[1]) == "launch" && (argc == 2 || argv[2][0] != '-')) {
    try {
      return launch(argc - 2, argv + 2);
    } catch (const Failure &failure) {
      fprintf(stderr, "llrun launch: %s\n", failure.text.c_str());
      return failure.code;
    }
  }

  if (int code = parseFlags(app, argc, argv); code >= 0)
    return code;
  std::string name = app.get_subcommands().front()->get_name();
  try {
    if (name == "train") {
      training.artifact = artifact;
      return train(training);
    }
    if (name == "infer")
      return infer(artifact, data, label, out, threads, training.certified);
    if (name == "bench")
      return bench(artifact, steps, threads, trace);
    if (name == "inspect")
      return inspect(artifact, full, ir, section);
    return exportModel(artifact, out);
  } catch (const Failure &failure) {
    fprintf(stderr, "llrun %s: %s\n", name.c_str(), failure.text.c_str());
    return failure.code;
  } catch (const std::bad_alloc &) {
    fprintf(stderr, "llrun %s: out of memory on this machine\n", name.c_str());
    return 71;
  }
}
