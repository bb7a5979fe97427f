// llcc: compiles an ONNX model; `llcc train` also trains it here, `llcc run` runs it once.
#include "compiler/driver/CommandLine.h"
#include "compiler/pipeline/Pipeline.h"
#include "runtime/certificate/Certificate.h"
#include "runtime/data/Failure.h"
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

/// What the verify passes at the borders of the stages have proven of this model, as the compiler reached its end.
static int certify(const llcc::CompileOptions &options) {
  std::vector<llcc::rt::Proof> proofs = {
      {"only known operations, static shapes, every parameter once", "llcc-verify-import"},
      {"one gradient and one update for each trainable parameter", "llcc-verify-train"}};
  proofs.insert(proofs.end(),
                {{"placement types hold after reshards are inserted and after they are planned: no axis on two loops, "
                  "each pending "
                  "reduction is resolved once",
                  "llcc-verify-placement"},
                 {"collectives over known axes in one order; sends meet receives in shape, type and order; the "
                  "schedule's table is "
                  "legal and makes no circle",
                  "llcc-split-pipeline, llcc-verify-shard"},
                 {"no tensor left, every launch fits its kernel, reads follow writes", "llcc-verify-lower"}});
  try {
    llcc::rt::writeCertificate(options.artifact, proofs);
  } catch (const llcc::rt::Failure &failure) {
    fprintf(stderr, "llcc: %s\n", failure.text.c_str());
    return failure.code;
  }
  if (options.announce)
    fprintf(stderr, "wrote %s\n", llcc::rt::certificatePath(options.artifact).c_str());
  return 0;
}

int main(int argc, char **argv) {
  llcc::CommandLine line;
  int code = 0;
  if (!llcc::parseCommandLine(argc, argv, line, code))
    return code;
  if (line.command == llcc::CommandLine::Command::Compile) {
    code = llcc::compile(line.compile);
    return code == 0 && line.certify && line.compile.stopAfter == llcc::Stage::Emit ? certify(line.compile) : code;
  }
  if (line.command == llcc::CommandLine::Command::Ops)
    return llcc::printSupport(line.support);
  if (line.command == llcc::CommandLine::Command::Check)
    return llcc::check({line.compile, line.json});

  // The artifact of `llcc train` and `llcc run` lives in a folder of its own for as long as the run.
  const char *temporary = getenv("TMPDIR");
  std::string folder = std::string(temporary && *temporary ? temporary : "/tmp") + "/llcc-XXXXXX";
  if (!mkdtemp(folder.data())) {
    fprintf(stderr, "llcc %s: cannot make a temporary folder as %s; set TMPDIR to a folder that can be written\n",
            line.command == llcc::CommandLine::Command::Run ? "run" : "train", folder.c_str());
    return llcc::ExitCantCreate;
  }
  std::string artifact = folder + "/model.llx";
  auto clean = [&] {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  };
  if (line.command == llcc::CommandLine::Command::Run) {
    code = llcc::runModel(line.run, artifact);
    clean();
    return code;
  }
  line.compile.artifact = artifact;
  line.train.artifact = artifact;
  line.compile.announce = false;
  line.train.program = "llcc train";
  line.train.opened = clean;
  code = llcc::compile(line.compile);
  if (code == 0 && line.compile.stopAfter == llcc::Stage::Emit)
    code = llcc::rt::train(line.train);
  clean();
  return code;
}
