// Flags of llcc, read with CLI11.
#include "compiler/driver/CommandLine.h"
#include "runtime/llrun/Help.h"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace llcc {

static const std::map<std::string, Stage> kStages = {{"import", Stage::Import},
                                                     {"train", Stage::Train},
                                                     {"shard", Stage::Shard},
                                                     {"lower", Stage::Lower},
                                                     {"emit", Stage::Emit}};

// "data=2,tensor=2" → axes in order.
static std::vector<std::pair<std::string, int64_t>> parseAxes(const std::string &flag, const std::string &text) {
  std::vector<std::pair<std::string, int64_t>> axes;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    size_t equal = part.find('=');
    std::string name = part.substr(0, equal), number = equal == std::string::npos ? "" : part.substr(equal + 1);
    if (name.empty() || number.empty() || number.size() > 9 ||
        number.find_first_not_of("0123456789") != std::string::npos || std::stoll(number) < 1)
      throw CLI::ValidationError(flag, "\"" + part + "\" is not NAME=SIZE with a size of at least 1");
    for (auto &[other, size] : axes)
      if (other == name)
        throw CLI::ValidationError(flag, "names \"" + name + "\" twice");
    axes.push_back({name, std::stoll(number)});
  }
  return axes;
}

// One of `names`; the help text names them itself.
static CLI::Validator oneOf(const std::vector<std::string> &names) {
  return CLI::Validator(
      [names](std::string &text) {
        std::string list;
        for (const std::string &name : names) {
          if (name == text)
            return std::string();
          list += (list.empty() ? "" : ", ") + name;
        }
        return "\"" + text + "\" is not known, needs one of " + list;
      },
      "");
}

static CLI::Validator notNegative() {
  return CLI::Validator(
      [](std::string &text) {
        char *end = nullptr;
        double value = strtod(text.c_str(), &end);
        return !text.empty() && !*end && std::isfinite(value) && value >= 0
                   ? std::string()
                   : "\"" + text + "\" is not a number of at least 0";
      },
      "");
}

static CLI::Validator percent() {
  return CLI::Validator(
      [](std::string &text) {
        char *end = nullptr;
        double value = strtod(text.c_str(), &end);
        return !text.empty() && !*end && value > 50 && value <= 100
                   ? std::string()
                   : "\"" + text + "\" is not a number above 50 and up to 100";
      },
      "");
}

static CLI::Validator positive() {
  return CLI::Validator(
      [](std::string &text) {
        char *end = nullptr;
        double value = strtod(text.c_str(), &end);
        return !text.empty() && !*end && std::isfinite(value) && value > 0 ? std::string()
                                                                           : "\"" + text + "\" is not a number above 0";
      },
      "");
}

static void addBytesFlag(CLI::App &app, const std::string &name, uint64_t &bytes, const std::string &what) {
  app.add_option_function<std::string>(
         name,
         [name, &bytes](const std::string &text) {
           std::string error;
           bytes = rt::parseBytes(text, error);
           if (!error.empty())
             throw CLI::ValidationError(name, error);
         },
         what)
      ->type_name("SIZE");
}

static void addCompileFlags(CLI::App &app, CompileOptions &o, bool withBatch) {
  app.add_option("model", o.model, "ONNX file")->required()->type_name("MODEL.onnx");
  if (withBatch)
    app.add_option("--batch", o.batch, "samples of one step on all devices (default: the file's, else 64)")
        ->type_name("N")
        ->check(rt::atLeast(1));
  app.add_option_function<std::vector<std::string>>(
         "--dim",
         [&o](const std::vector<std::string> &list) {
           for (const std::string &text : list)
             for (auto &[name, size] : parseAxes("--dim", text))
               o.dims[name] = size;
         },
         "size of a symbolic dimension")
      ->type_name("NAME=N")
      ->allow_extra_args(false);
  app.add_option_function<std::vector<std::string>>(
         "--bind",
         [&o](const std::vector<std::string> &list) {
           for (const std::string &text : list) {
             size_t equals = text.find('=');
             if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
               throw CLI::ValidationError("--bind", "\"" + text + "\" is not NAME=VALUE");
             o.bind[text.substr(0, equals)] = text.substr(equals + 1);
           }
         },
         "value of an input that is the same in every step (what an If decides on)")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  addBytesFlag(app, "--max-import-mem", o.importMemory,
               "bytes that reading the model may take (default: the machine's memory)");
  app.add_option("--max-import-seconds", o.importSeconds, "time that reading the model may take (default 600)")
      ->type_name("N")
      ->check(rt::atLeast(1));
  app.add_option("--allow-external-data-outside", o.outside, "external data may lie in this folder, too; links count")
      ->type_name("FOLDER")
      ->allow_extra_args(false);
  app.add_option("--output", o.output, "output that is trained (default: the first)")->type_name("NAME");
  app.add_option("--train", o.train, "train only these parameters\nalso what by its role is none")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app.add_option("--freeze", o.freeze, "do not train these parameters")->type_name("GLOB")->allow_extra_args(false);
  app.add_option("--tie", o.tie, "these parameters are one, up to a transpose")
      ->type_name("A,B")
      ->allow_extra_args(false);
  app.add_option("--untie", o.untie, "these parameters are several, though equal")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app.add_option("--lora", o.lora,
                 "train low-rank adapters of these weights alone\nr=8,alpha=16,GLOB: with the factor alpha/r")
      ->type_name("r=8,GLOB")
      ->allow_extra_args(false);
  app.add_option("--batchnorm", o.batchNorm,
                 "file (default) | train (by the batch's statistics) | frozen (the file's)\nfile: as each node says; "
                 "train updates the running ones")
      ->check(oneOf({"file", "train", "frozen"}));
  app.add_option("--batchnorm-variance", o.batchNormVariance,
                 "onnx | torch: running variances take the population's (default) or the unbiased variance")
      ->check(oneOf({"onnx", "torch"}));
  app.add_option("--dropout", o.dropout,
                 "file (default) | nodes | off | P | P@GLOB\ndrop as the file's nodes say, in all Dropout nodes with "
                 "their ratio, nowhere, or with probability P")
      ->type_name("P@GLOB")
      ->allow_extra_args(false);
  app.add_option("--loss", o.loss,
                 "cross_entropy (default) | nll | mse | l1 | bce | bce_logits, or the name of an output that is the "
                 "loss\n\"output\": the trained output is it")
      ->type_name("NAME");
  app.add_option(
         "--labels", o.labels,
         "auto (default: look at the data) | classes | probabilities: labels of class losses are class numbers, or "
         "a number for each class (one-hot, soft)")
      ->check(oneOf({"auto", "classes", "probabilities"}));
  app.add_option("--label-smoothing", o.labelSmoothing, "share of each label that is spread over all classes")
      ->type_name("X")
      ->check(notNegative());
  app.add_option("--ignore-index", o.ignoreIndex, "class number of labels that do not count (default -100)")
      ->type_name("I");
  app.add_option("--class-weights", o.classWeights, "weight of each class in the loss (default 1)")
      ->type_name("W,W…")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--optimizer", o.optimizer,
                 "sgd | momentum | adam | adamw | adagrad, then ,lr=0.001,schedule=cosine,warmup=100…")
      ->type_name("NAME,KEY=X");
  app.add_option("--clip", o.clip, "largest global norm of the gradients")->type_name("X")->check(notNegative());
  app.add_option("--precision", o.precision,
                 "f32 (default) | bf16 | f16, of activations and operands of products\nweights, optimizer state, sums, "
                 "norms and the loss stay f32")
      ->check(oneOf({"f32", "bf16", "f16"}));
  app.add_option("--loss-scale", o.lossScale,
                 "f16: first factor of the gradients (default 65536); halved where a step overflows, which is skipped")
      ->type_name("X")
      ->check(positive());
  app.add_option("--loss-scale-growth", o.lossScaleGrowth,
                 "f16: good steps in a row after which the factor is doubled (default 2000)")
      ->type_name("N")
      ->check(rt::atLeast(1));
  app.add_option(
         "--strategy", o.strategy,
         "single | data | tensor | context (sequences) | spatial (pictures) | expert | pipeline | hybrid (a mesh "
         "of these) | auto (the fastest plan that fits, as simulated); default single")
      ->check(oneOf({"single", "data", "tensor", "context", "spatial", "expert", "pipeline", "hybrid", "auto"}));
  app.add_option("--cluster", o.cluster, "file that describes the devices for --strategy=auto (default: the target's)")
      ->type_name("CLUSTER.toml");
  app.add_flag("--exhaustive", o.exhaustive, "auto tries every plan");
  app.add_option("--devices", o.devices, "number of devices (default 4 with a strategy)")
      ->type_name("N")
      ->check(rt::atLeast(1, 65536));
  app.add_option_function<std::string>(
         "--mesh",
         [&o](const std::string &text) {
           o.mesh = parseAxes("--mesh", text);
           static const char *const axes[] = {"data", "tensor", "context", "spatial", "expert", "pipeline"};
           for (auto &[axis, size] : o.mesh)
             if (std::find(std::begin(axes), std::end(axes), axis) == std::end(axes))
               throw CLI::ValidationError("--mesh", "\"" + axis +
                                                        "\" is not an axis, needs data, tensor, context, spatial, "
                                                        "expert or pipeline");
         },
         "the mesh, axis by axis")
      ->type_name("data=2,tensor=2,…");
  app.add_option("--shard", o.shard,
                 "place parameters, inputs and labels: for each dimension the mesh axes that cut it, ? where the "
                 "strategy may go on; p1 behind it: after those with p0")
      ->type_name("GLOB:{?,tensor}")
      ->allow_extra_args(false);
  app.add_option("--zero", o.zero, "cut over the data axis: 1 optimizer state, 2 gradients, too, 3 all")
      ->type_name("STAGE")
      ->check(rt::atLeast(0, 3));
  app.add_flag("--sequence-parallel", o.sequenceParallel,
               "cut activations between tensor-parallel blocks along the sequence: reduce-scatter and all-gather for "
               "all-reduce");
  app.add_option("--deterministic", o.deterministic,
                 "plan (default) | strategy: the same bits from the same plan, or from any strategy and number of "
                 "devices (slower)")
      ->check(oneOf({"plan", "strategy"}));
  app.add_option("--schedule", o.schedule, "gpipe | 1f1b (default) | interleaved | zb-h1 | FILE.csv")
      ->type_name("NAME");
  app.add_option("--chunks", o.chunks,
                 "pieces of the model on each pipeline stage (default 2 with --schedule=interleaved, else 1)")
      ->type_name("V")
      ->check(rt::atLeast(1, 999));
  app.add_option("--recompute", o.recompute,
                 "none (default) | blocks | auto: run layers again backwards\nkeep all that the backward pass reads; "
                 "only what crosses the borders of layers; or so much that --memory is kept")
      ->check(oneOf({"none", "blocks", "auto"}));
  app.add_option("--microbatches", o.microbatches, "parts of a batch that run one after the other")
      ->type_name("M")
      ->check(rt::atLeast(1));
  app.add_option("--target", o.target,
                 "cpu[:x86-64-v3] | cuda[:sm_90] | cudasim[:sm_90] (a simulated GPU; default cpu: this machine's)")
      ->type_name("TARGET");
  app.add_option_function<std::string>(
         "--stop-after", [&o](const std::string &name) { o.stopAfter = kStages.at(name); },
         "print the IR after import, train, shard or lower")
      ->check(oneOf({"import", "train", "shard", "lower", "emit"}));
  app.add_option("--dump", o.dump, "write the IR after each stage here")->type_name("DIR");
  app.add_flag("--explain", o.explain, "say what was chosen, and why");
  app.add_option("--plan-html", o.planHtml, "draw mesh, schedule, communication and memory of the plan")
      ->type_name("FILE.html");
}

/// The order of the help text: compile flags, and of `llcc train` those of the run.
static void setHeadings(CLI::App &app, bool trains) {
  std::vector<rt::Heading> headings = {
      {"Model",
       {"-o", "--batch", "--dim", "--output"},
       {"--bind", "--allow-external-data-outside", "--max-import-mem", "--max-import-seconds", "--keep-weights",
        "--no-weights"}},
      {"What is trained",
       {"--train", "--freeze", "--lora", "--batchnorm", "--dropout"},
       {"--tie", "--untie", "--batchnorm-variance"}},
      {"Loss and optimizer",
       {"--loss", "--label", "--optimizer", "--clip", "--precision"},
       {"--labels", "--label-smoothing", "--ignore-index", "--class-weights", "--loss-scale", "--loss-scale-growth"}},
      {"Devices",
       {"--devices", "--strategy", "--mesh", "--zero", "--schedule", "--microbatches", "--recompute", "--memory",
        "--target"},
       {"--cluster", "--exhaustive", "--shard", "--sequence-parallel", "--chunks", "--deterministic"}},
      {"Look inside", {"--explain", "--plan-html", "--dump", "--stop-after"}, {"--simulate", "--json", "--certify"}}};
  if (trains) { // its batch and labels stand with the data, its memory with the devices
    std::vector<rt::Heading> run = rt::trainHeadings();
    run.back().usual = {"--threads"};
    headings.front().usual = {"--dim", "--output"};
    headings.insert(headings.begin(), run.begin(), run.end());
  }
  rt::setHeadings(app, headings);
}

/// Flags of a quantized model.
static void addQuantizeFlags(CLI::App &app, ExportFiles &e) {
  app.add_option("--activations", e.activations,
                 "int8 | uint8 | float: what quantized contractions read beside their weights (default int8)")
      ->check(oneOf({"int8", "uint8", "float"}));
  app.add_option("--percentile", e.percentile,
                 "share of an activation's numbers, in percent, that its scale holds without clipping (default 100)")
      ->type_name("P")
      ->check(percent());
  app.add_option("--keep", e.keep, "nodes or weights that stay floats in a quantized model")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app.add_option("--calibration-batches", e.batches, "batches of the data on which ranges are measured (default 16)")
      ->type_name("N")
      ->check(rt::atLeast(1));
}

/// `llcc export MODEL.onnx --export=quantized -o OUT.onnx …`.
static bool parseExport(int argc, char **argv, ExportFiles &e, int &code) {
  CLI::App app("Writes an ONNX model in another form: quantized to 8-bit integers (QDQ), for any ONNX runtime; or with "
               "how it is partitioned, see llcc export --annotate --help",
               "llcc export");
  app.add_option("model", e.model, "ONNX file")->required()->type_name("MODEL.onnx");
  app.add_option("-o,--out", e.out, "model to write")->required()->type_name("OUT.onnx");
  app.add_option("--export", e.form, "quantized")->required()->check(oneOf({"quantized"}));
  app.add_option("--data", e.data, "what ranges are measured on: npz, safetensors, or a folder with MNIST idx files")
      ->type_name("FILE|DIR");
  app.add_option("--label", e.label, "array of the data that holds the labels")->type_name("NAME");
  app.add_option("--batch", e.batch, "samples of a batch (default 32)")->type_name("N")->check(rt::atLeast(1));
  addQuantizeFlags(app, e);
  code = rt::parseFlags(app, argc, argv);
  return code < 0;
}

/// `llcc export MODEL.onnx --annotate -o OUT.onnx --mesh=…`.
static bool parseAnnotate(int argc, char **argv, CommandLine &line, int &code) {
  CLI::App app(
      "Writes how llcc partitions an ONNX model into the model, as ONNX's multi-device annotations (IR version "
      "11): the mesh, the parts of parameters and inputs, the pipeline stage of each node",
      "llcc export --annotate");
  addCompileFlags(app, line.compile, /*withBatch=*/true);
  bool annotate = false;
  app.add_flag("--annotate", annotate, "write the plan into the model");
  app.add_option("-o,--out", line.annotated, "model to write")->required()->type_name("OUT.onnx");
  app.add_option("--label", line.compile.label, "name of the label input (default label)")->type_name("NAME");
  code = rt::parseFlags(app, argc, argv);
  if (code >= 0)
    return false;
  if (line.compile.strategy == "single" && !line.compile.mesh.empty())
    line.compile.strategy = "hybrid";
  if (line.compile.strategy != "single")
    return true;
  fprintf(stderr,
          "llcc export: --annotate needs a plan; add --strategy=data, tensor, expert, pipeline, hybrid or auto, or "
          "--mesh\n");
  code = ExitUsage;
  return false;
}

/// `llcc run MODEL.onnx --inputs=in.npz …`.
static bool parseRun(int argc, char **argv, RunFiles &run, int &code) {
  CLI::App app(
      "Runs an ONNX model once on given arrays, by the compiled program; with --gradients also backwards.\n"
      "Arrays are named as the graph's inputs and outputs. Exit code 69: the model needs what llcc does not have",
      "llcc run");
  app.add_option("model", run.model, "ONNX file")->required()->type_name("MODEL.onnx");
  app.add_option("--inputs", run.inputs, "arrays of the graph's inputs; their shapes bind symbolic sizes")
      ->type_name("IN.npz");
  app.add_option("--outputs", run.outputs, "gets an array for each output of the graph")->type_name("OUT.npz");
  app.add_option("--cotangents", run.cotangents, "arrays named as outputs; outputs without one do not count")
      ->type_name("C.npz");
  app.add_option("--gradients", run.gradients,
                 "gets the gradient of sum(cotangent x output) for each float input of the graph")
      ->type_name("G.npz");
  app.add_option("--device", run.device, "cpu: compiled code | reference: the interpreter of the IR (default cpu)")
      ->check(oneOf({"cpu", "reference"}));
  app.add_option("--dump", run.dump, "write the IR after each stage here")->type_name("DIR");
  code = rt::parseFlags(app, argc, argv);
  return code < 0;
}

bool parseCommandLine(int argc, char **argv, CommandLine &line, int &code) {
  CompileOptions &compile = line.compile;
  rt::TrainOptions &train = line.train;
  for (int i = 0; i < argc; ++i)
    compile.command += (i ? " " : "") + std::string(argv[i]);
  if (argc > 1 && std::string(argv[1]) == "run") {
    line.command = CommandLine::Command::Run;
    line.run.command = compile.command;
    return parseRun(argc - 1, argv + 1, line.run, code);
  }
  if (argc > 1 && std::string(argv[1]) == "export") {
    line.command = CommandLine::Command::Export;
    line.write.command = compile.command;
    bool annotates = std::any_of(argv + 2, argv + argc, [](const char *a) { return std::string(a) == "--annotate"; });
    return annotates ? parseAnnotate(argc - 1, argv + 1, line, code)
                     : parseExport(argc - 1, argv + 1, line.write, code);
  }
  if (argc > 1 && std::string(argv[1]) == "ops") {
    line.command = CommandLine::Command::Ops;
    CLI::App app("Lists the operators that llcc takes: opsets, element types, gradients, targets, sharding rules",
                 "llcc ops");
    app.add_option("only", line.support.only, "operators whose names match")->type_name("GLOB");
    bool json = false, markdown = false;
    auto *first = app.add_flag("--json", json, "for programs");
    app.add_flag("--markdown", markdown, "as a table for documents")->excludes(first);
    code = rt::parseFlags(app, argc - 1, argv + 1);
    line.support.form = json       ? SupportOptions::Form::Json
                        : markdown ? SupportOptions::Form::Markdown
                                   : SupportOptions::Form::Text;
    return code < 0;
  }
  bool trains = argc > 1 && std::string(argv[1]) == "train", checks = argc > 1 && std::string(argv[1]) == "check";
  CLI::App app(checks   ? "Says what of an ONNX model would be trained, what is not supported, which flags it needs,\n"
                          "and how much memory. Exit status 0: it trains, 69: it does not"
               : trains ? "Compiles an ONNX model and trains it here"
                        : "Compiles an ONNX model into a training artifact (.llx).\nOther forms: llcc train MODEL.onnx "
                          "--data=…  compiles and trains in one step\n"
                          "             llcc run MODEL.onnx --inputs=…   runs it once on given arrays\n"
                          "             llcc export MODEL.onnx …         writes it in another form (8-bit integers)\n"
                          "             llcc check MODEL.onnx            says whether it trains, and how\n"
                          "             llcc ops                         lists the operators",
               checks   ? "llcc check"
               : trains ? "llcc train"
                        : "llcc");
  app.set_version_flag("--version", "llcc 0.1.0", "print it");
  addCompileFlags(app, compile, !trains);
  if (checks) {
    line.command = CommandLine::Command::Check;
    app.add_flag("--json", line.json, "for programs");
    app.add_option("--label", compile.label, "name of the label input (default label)")->type_name("NAME");
    ++argv;
    --argc;
  } else if (trains) {
    line.command = CommandLine::Command::Train;
    rt::addTrainFlags(app, train);
    app.add_option("--export", line.write.form, "quantized: --save writes 8-bit integers (QDQ), measured on --data")
        ->check(oneOf({"quantized"}));
    addQuantizeFlags(app, line.write);
    app.add_flag("--training-info", line.saveTraining,
                 "--save writes loss, gradients and optimizer into the model, as ONNX's TrainingInfoProto");
    app.get_option("--data")->required();
    ++argv;
    --argc;
  } else {
    app.add_option("-o,--out", compile.artifact, "artifact to write (default: MODEL.llx here)")->type_name("OUT.llx");
    app.add_option("--label", compile.label, "name of the label input (default label)")->type_name("NAME");
    addBytesFlag(app, "--memory", compile.memory, "that a device may use; what needs more is refused");
    auto *simulate =
        app.add_option("--simulate", compile.simulate,
                       "play the step on the cluster that this file describes, write nothing: time, bubble, "
                       "communication, memory; files of external data may be missing")
            ->type_name("CLUSTER.toml");
    app.add_flag("--json", compile.json, "say it, or --explain's times, for programs");
    app.add_flag("--certify", line.certify, "write what was proven beside the artifact: OUT.llx.cert.json")
        ->excludes(simulate);
    app.add_flag("--no-weights", compile.noWeights,
                 "leave external data out of the artifact (files may be missing): weights come from a checkpoint");
  }
  app.add_flag("--keep-weights", line.keepWeights,
               "do not run the initialization graph of the model's training information");
  setHeadings(app, trains);
  code = rt::parseFlags(app, argc, argv);
  if (code >= 0)
    return false;
  line.given = {app.count("--loss") > 0,
                app.count("--optimizer") > 0,
                app.count("--label") > 0,
                app.count("--output") > 0,
                app.count("--train") + app.count("--freeze") + app.count("--lora") > 0,
                app.count("--ignore-index") > 0};
  if (compile.json && compile.simulate.empty() && !compile.explain) {
    fprintf(stderr, "%s: --json needs --simulate, or --explain with a cuda target\n", app.get_name().c_str());
    code = ExitUsage;
    return false;
  }
  if (compile.strategy == "single" && !compile.mesh.empty()) {
    if (app.count("--strategy")) {
      fprintf(stderr, "%s: --strategy=single and --mesh contradict each other; leave one of them out\n",
              app.get_name().c_str());
      code = ExitUsage;
      return false;
    }
    compile.strategy = "hybrid";
  }
  if (checks && !app.count("--loss"))
    compile.loss.clear(); // chosen from the output
  if (checks && !app.count("--optimizer"))
    compile.optimizer = "adamw,lr=0.001";
  if (trains) {
    if (train.batch)
      compile.batch = train.batch;
    if (!train.label.empty())
      compile.label = train.label;
    compile.seed = train.seed;
    ExportFiles &e = line.write;
    const char *wrong = nullptr;
    if (!e.form.empty() && (train.save.size() < 5 || train.save.substr(train.save.size() - 5) != ".onnx"))
      wrong = "--export=quantized needs --save=FILE.onnx, which it writes";
    bool toOnnx = train.save.size() > 5 && train.save.substr(train.save.size() - 5) == ".onnx";
    if (line.saveTraining && (!toOnnx || !e.form.empty()))
      wrong = "--training-info needs --save=FILE.onnx, without --export";
    if (line.saveTraining && (!compile.lora.empty() || compile.labelSmoothing != 0 || !compile.classWeights.empty()))
      wrong = "--training-info has no words for --lora, --label-smoothing and --class-weights";
    for (const char *flag : {"--activations", "--percentile", "--keep", "--calibration-batches"})
      if (e.form.empty() && app.count(flag))
        wrong = "--activations, --percentile, --keep and --calibration-batches are of --export=quantized";
    if (wrong) {
      fprintf(stderr, "llcc train: %s\n", wrong);
      code = ExitUsage;
      return false;
    }
    e.program = "llcc train";
    e.data = train.data;
    e.label = train.label;
    e.batch = train.batch;
    e.command = compile.command;
    compile.memory = train.memory;
  }
  if (compile.artifact.empty()) {
    std::string name = compile.model.substr(compile.model.find_last_of('/') + 1);
    compile.artifact = name.substr(0, name.rfind(".onnx")) + ".llx";
  }
  return true;
}

} // namespace llcc
