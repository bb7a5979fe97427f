// Command-line flags of training, and errors that name the nearest flag.
#include "runtime/llrun/Flags.h"
#include "runtime/llrun/Help.h"
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

// Its description is empty: the help text stays free of it.
CLI::Validator atLeast(int64_t least, int64_t most) {
  return CLI::Validator(
      [least, most](std::string &text) {
        bool digits = !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string::npos;
        return digits && std::stoll(text) >= least && std::stoll(text) <= most
                   ? std::string()
                   : "\"" + text + "\" is not a whole number from " + std::to_string(least) + " to " +
                         std::to_string(most);
      },
      "");
}

void addTrainFlags(CLI::App &app, TrainOptions &o) {
  app.add_option("--data", o.data, "npz, safetensors, or a folder with MNIST idx files")->type_name("FILE|DIR");
  app.add_option("--label", o.label, "array of the data that holds the labels")->type_name("NAME");
  app.add_option("--eval", o.eval, "data to measure after each epoch")->type_name("FILE|DIR");
  app.add_option("--batch", o.batch, "samples of one step, all devices together")->type_name("N")->check(atLeast(1));
  auto *steps = app.add_option("--steps", o.steps, "train for so many steps")->type_name("N")->check(atLeast(1));
  app.add_option("--epochs", o.epochs, "train for so many passes over the data")
      ->type_name("N")
      ->check(atLeast(1))
      ->excludes(steps);
  app.add_flag("!--no-shuffle", o.shuffle, "samples in file order, wrapping at the end");
  app.add_option("--seed", o.seed, "of the shuffle and of random bits (dropout)")->type_name("N")->check(atLeast(0));
  app.add_option("--lr", o.lr, "learning rate, instead of the compiled one")->type_name("X");
  app.add_option("--metrics", o.metrics, "JSON lines, one a step")->type_name("FILE.jsonl");
  app.add_option("--save", o.save, "trained model (.onnx), artifact (.llx), parameters (.safetensors)")
      ->type_name("FILE");
  app.add_option("--checkpoint", o.checkpoint, "keep checkpoints here")->type_name("DIR");
  app.add_option("--checkpoint-every", o.checkpointEvery, "steps between checkpoints (default: each epoch)")
      ->type_name("N")
      ->check(atLeast(1));
  app.add_option("--resume", o.resume, "go on from the newest checkpoint of --checkpoint, or from DIR")
      ->type_name("auto|DIR")
      ->expected(0, 1)
      ->default_str("auto");
  app.add_option("--save-gradients", o.saveGradients, "gradients of the first step")->type_name("FILE.safetensors");
  app.add_option("--trace", o.trace, "Chrome trace: when each instruction ran on each device")->type_name("FILE.json");
  app.add_option_function<std::string>(
         "--memory",
         [&o](const std::string &text) {
           std::string error;
           o.memory = parseBytes(text, error);
           if (!error.empty())
             throw CLI::ValidationError("--memory", error);
         },
         "that a device may use; what needs more is refused")
      ->type_name("SIZE");
  app.add_option("--threads", o.threads, "CPU threads of all devices together")->type_name("N")->check(atLeast(1));
  app.add_option(
         "--network", o.network,
         "one rank a process: over tcp (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), mpi (mpirun), auto (as the "
         "environment says; default), or none")
      ->type_name("NAME")
      ->check(CLI::IsMember({"auto", "tcp", "mpi", "none"}));
  app.add_option("--timeout", o.timeout,
                 "wait so long for a device or rank that stands still (default 8 without a sign of life, 60 at one "
                 "instruction)")
      ->type_name("SECONDS")
      ->check(atLeast(1, 1000000));
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

/// The flag nearest to `wrong`; empty where none is near.
static std::string nearestFlag(const CLI::App &app, const std::string &wrong) {
  std::string best;
  size_t least = std::max<size_t>(2, wrong.size() / 3) + 1;
  for (const CLI::Option *option : app.get_options())
    for (const std::string &name : option->get_lnames())
      if (size_t d = distance(wrong, "--" + name); d < least) {
        least = d;
        best = "--" + name;
      }
  return best;
}

// What was given and belongs nowhere, in one sentence.
static std::string unexpected(const CLI::App &app, const std::vector<std::string> &rest, const std::string &name) {
  std::string flags, hints;
  size_t count = 0;
  for (const std::string &text : rest) {
    if (text.rfind("-", 0))
      continue;
    std::string flag = text.substr(0, text.find('=')), near = nearestFlag(app, flag);
    flags += (count++ ? ", " : "") + flag;
    if (!near.empty())
      hints += (hints.empty() ? "did you mean " : " and ") + near;
  }
  if (!count)
    return "\"" + rest.front() + "\" is one argument too many; see " + name + " --help";
  return flags + (count == 1 ? " is not a flag of " : " are not flags of ") + name + "; " +
         (hints.empty() ? "see " + name + " --help" : hints + "?");
}

// A command that is missing or unknown.
static std::string noCommand(const CLI::App &app, int argc, char **argv) {
  std::string list, near, given;
  for (int i = 1; i < argc && given.empty(); ++i)
    if (argv[i][0] != '-')
      given = argv[i];
  size_t least = 4;
  for (const CLI::App *sub : app.get_subcommands(nullptr)) {
    list += (list.empty() ? "" : ", ") + sub->get_name();
    if (size_t d = distance(given, sub->get_name()); d < least) {
      least = d;
      near = sub->get_name();
    }
  }
  if (given.empty())
    return "needs a command, one of " + list + "; see " + app.get_name() + " --help";
  return "\"" + given + "\" is not a command, needs one of " + list +
         (near.empty() ? "" : "; did you mean " + near + "?");
}

static std::string explain(const CLI::App &app, const CLI::ParseError &error, int argc, char **argv,
                           std::string &name) {
  const CLI::App *inner = &app;
  for (const CLI::App *sub : app.get_subcommands()) {
    inner = sub;
    name += " " + sub->get_name();
  }
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  // In the order in which they were given.
  std::vector<std::string> left = app.remaining(true), rest;
  for (int i = 1; i < argc; ++i)
    if (std::find(left.begin(), left.end(), argv[i]) != left.end())
      rest.push_back(argv[i]);
  if (dynamic_cast<const CLI::ExtrasError *>(&error) && !rest.empty())
    return unexpected(*inner, rest, name);
  if (dynamic_cast<const CLI::RequiredError *>(&error)) {
    if (inner == &app && !app.get_subcommands(nullptr).empty())
      return noCommand(app, argc, argv);
    for (const CLI::Option *option : inner->get_options())
      if (option->get_required() && option->count() == 0) {
        // A flag of a wrong name may be what is missing.
        if (!rest.empty() && rest.front().rfind("-", 0) == 0)
          return unexpected(*inner, rest, name);
        return "needs " + (option->get_positional() ? "" : option->get_name() + "=") + option->get_type_name() +
               "; see " + name + " --help";
      }
  }
  if (dynamic_cast<const CLI::ArgumentMismatch *>(&error))
    return text.substr(0, text.find(':')) + " needs one value; see " + name + " --help";
  return text;
}

int parseFlags(CLI::App &app, int argc, char **argv) {
  static char help[] = "--help";
  std::vector<char *> given(argv, argv + argc);
  bool all = false;
  for (char *&text : given)
    if (std::string(text) == "--help=all") {
      text = help;
      all = true;
    }
  try {
    app.parse(argc, given.data());
  } catch (const CLI::CallForHelp &) {
    fputs(helpText(app, all).c_str(), stdout);
    return 0;
  } catch (const CLI::CallForVersion &) {
    puts(app.version().c_str());
    return 0;
  } catch (const CLI::ParseError &error) {
    std::string name = app.get_name(), text = explain(app, error, argc, argv, name);
    fprintf(stderr, "%s: %s\n", name.c_str(), text.c_str());
    return 64;
  }
  return -1;
}

} // namespace llcc::rt
