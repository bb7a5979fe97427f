// Command-line flags of training, and errors that name the nearest flag.
#include "runtime/llrun/Flags.h"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <vector>

namespace llcc::rt {

uint64_t parseBytes(const std::string &text, std::string &error) {
  size_t used = 0;
  double number = -1;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception &) {
  }
  std::string unit = text.substr(std::min(used, text.size()));
  static const std::vector<std::pair<std::string, double>> units = {
      {"", 1},        {"B", 1},          {"K", 1 << 10},     {"KiB", 1 << 10},  {"KB", 1e3},
      {"M", 1 << 20}, {"MiB", 1 << 20},  {"MB", 1e6},        {"G", 1ull << 30}, {"GiB", 1ull << 30},
      {"GB", 1e9},    {"T", 1ull << 40}, {"TiB", 1ull << 40}};
  for (auto &[name, factor] : units)
    if (unit == name && number >= 0 && number * factor < 9e18)
      return uint64_t(number * factor);
  error = "\"" + text + "\" is not a size, needs a number with B, KiB, MiB, GiB or none";
  return 0;
}

void addTrainFlags(CLI::App &app, TrainOptions &o) {
  app.add_option("--data", o.data, "npz, safetensors, or a folder with MNIST idx files")->type_name("FILE|DIR");
  app.add_option("--label", o.label, "array of the data that holds the labels")->type_name("NAME");
  app.add_option("--eval", o.eval, "data to measure after each epoch")->type_name("FILE|DIR");
  app.add_option("--batch", o.batch, "samples of one step, all devices together")->type_name("N");
  auto *steps = app.add_option("--steps", o.steps, "train for so many steps")->type_name("N");
  app.add_option("--epochs", o.epochs, "train for so many passes over the data")->type_name("N")->excludes(steps);
  app.add_flag("!--no-shuffle", o.shuffle, "samples in file order, wrapping at the end");
  app.add_option("--seed", o.seed, "of the shuffle")->type_name("N");
  app.add_option("--lr", o.lr, "learning rate, instead of the compiled one")->type_name("X");
  app.add_option("--metrics", o.metrics, "JSON lines, one a step")->type_name("FILE.jsonl");
  app.add_option("--save", o.save, "trained model (.onnx) or artifact (.llx)")->type_name("FILE");
  app.add_option("--checkpoint", o.checkpoint, "keep checkpoints here")->type_name("DIR");
  app.add_option("--checkpoint-every", o.checkpointEvery, "steps between checkpoints (default: each epoch)")
      ->type_name("N");
  app.add_option("--resume", o.resume, "go on from the newest checkpoint of --checkpoint, or from DIR")
      ->type_name("auto|DIR")
      ->expected(0, 1)
      ->default_str("auto");
  app.add_option("--save-gradients", o.saveGradients, "gradients of the first step")->type_name("FILE.safetensors");
  app.add_option("--trace", o.trace, "timeline for Perfetto")->type_name("FILE");
  app.add_option_function<std::string>(
         "--memory",
         [&o](const std::string &text) {
           std::string error;
           o.memory = parseBytes(text, error);
           if (!error.empty())
             throw CLI::ValidationError("--memory", error);
         },
         "bytes that a device may use")
      ->type_name("SIZE");
  app.add_option("--threads", o.threads, "CPU threads of all devices together")->type_name("N");
  app.add_flag("--quiet", o.quiet, "no progress");
}

// Edit distance for "did you mean" (Levenshtein).
static size_t distance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t next = std::min({row[j] + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1])});
      corner = row[j];
      row[j] = next;
    }
  }
  return row.back();
}

static std::string nearestFlag(CLI::App &app, const std::string &wrong) {
  std::string best;
  size_t least = 4;
  auto look = [&](CLI::App &from) {
    for (const CLI::Option *option : from.get_options())
      for (const std::string &name : option->get_lnames())
        if (size_t d = distance(wrong, "--" + name); d < least) {
          least = d;
          best = "--" + name;
        }
  };
  look(app);
  for (CLI::App *sub : app.get_subcommands())
    look(*sub);
  return best;
}

int parseFlags(CLI::App &app, int argc, char **argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp &) {
    CLI::App *shown = &app;
    for (CLI::App *sub : app.get_subcommands())
      shown = sub;
    fputs(shown->help().c_str(), stdout);
    return 0;
  } catch (const CLI::CallForVersion &) {
    puts(app.version().c_str());
    return 0;
  } catch (const CLI::ParseError &error) {
    std::string text = error.what();
    for (int i = 1; i < argc; ++i) {
      std::string flag = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
      if (flag.rfind("--", 0) == 0 && text.find(flag) != std::string::npos)
        if (std::string near = nearestFlag(app, flag); !near.empty() && near != flag)
          text = flag + " is not a flag of " + app.get_name() + "; did you mean " + near + "?";
    }
    std::replace(text.begin(), text.end(), '\n', ' ');
    fprintf(stderr, "%s: %s\n", app.get_name().c_str(), text.c_str());
    return 64;
  }
  return -1;
}

} // namespace llcc::rt
