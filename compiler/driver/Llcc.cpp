// llcc: compiles an ONNX model; `llcc train` also trains it here, `llcc run` runs it once.
#include "compiler/driver/CommandLine.h"
#include "compiler/pipeline/Pipeline.h"
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

int main(int argc, char **argv) {
  llcc::CommandLine line;
  int code = 0;
  if (!llcc::parseCommandLine(argc, argv, line, code))
    return code;
  if (line.command == llcc::CommandLine::Command::Compile)
    return llcc::compile(line.compile);
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
