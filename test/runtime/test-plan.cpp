// The plan's format and its verifier: bytes round-trip, hostile bytes never crash, every broken rule has its sentence.
#include "runtime/plan/AtomicFile.h"
#include "runtime/plan/Meaning.h"
#include "test/runtime/Check.h"
#include "test/runtime/Regression.h"
#include <fstream>
#include <functional>
#include <sstream>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace llcc::rt;

static std::string folder;

static std::string read(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

static void bytesRoundTrip() {
  for (const Plan &plan : {regression({}, Layout::Zero3, 4), pipelined({12, 5, 3, 3}, 2)}) {
    std::string bytes = serialize(plan);
    Plan again;
    std::string error = parse(bytes.data(), bytes.size(), again);
    CHECK(error.empty(), "%s", error.c_str());
    CHECK(serialize(again) == bytes, "a plan changes when it is written and read");
    CHECK(verify(again).empty(), "%s", verify(again)[0].c_str());
  }
}

static void hostileBytesNeverCrash() {
  std::string bytes = serialize(pipelined({12, 5, 3, 2}, 2));
  Plan plan;
  size_t refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at)
    for (int change : {1, 0x80, 0xff}) {
      std::string mutant = bytes;
      mutant[at] = char(mutant[at] ^ change);
      if (!parse(mutant.data(), mutant.size(), plan).empty() || !verify(plan).empty())
        ++refused;
    }
  CHECK(refused > bytes.size(), "only %zu of %zu mutants are refused", refused, 3 * bytes.size());
  for (size_t size = 0; size < bytes.size(); ++size)
    CHECK(!parse(bytes.data(), size, plan).empty(), "a plan cut at byte %zu is read", size);
  CHECK(contains(parse((bytes + "x").data(), bytes.size() + 1, plan), "1 bytes follow its end"),
        "a longer plan is read");
  // A list that claims four billion entries must not be allocated: the first list is that of axes.
  Plan empty;
  std::string head = serialize(empty);
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  for (size_t at = 12; at + 4 <= head.size(); ++at) {
    std::string mutant = head;
    std::memset(&mutant[at], 0xff, 4);
    parse(mutant.data(), mutant.size(), plan);
  }
  getrusage(RUSAGE_SELF, &after);
  CHECK(after.ru_maxrss - before.ru_maxrss < 10000, "parsing %zu bytes took %ld KB", head.size(),
        after.ru_maxrss - before.ru_maxrss);
  std::string newer = bytes;
  newer[8] = 9;
  CHECK(parse(newer.data(), newer.size(), plan) ==
            "plan has format version 9, this build reads version 5; compile the model again",
        "%s", parse(newer.data(), newer.size(), plan).c_str());
}

static void everyChangedByteIsRefused() {
  std::string path = folder + "/damaged.llx";
  std::string error = writeArtifact(
      path, {{"plan", serialize(regression({}, Layout::None, 1))}, {"empty", ""}, {"model.onnx", modelBytes({})}});
  CHECK(error.empty(), "%s", error.c_str());
  std::string bytes = read(path);
  {
    Artifact artifact;
    CHECK(artifact.open(path).empty() && artifact.section("model.onnx") == modelBytes({}) &&
              artifact.names().size() == 3 && !artifact.section("none").data() && artifact.section("empty").empty(),
          "a sound artifact is not read");
  }
  auto refused = [&](const std::string &mutant, const char *what) {
    // In memory: thousands of files on a slow disk take minutes.
    int fd = memfd_create("mutant", 0);
    CHECK(::write(fd, mutant.data(), mutant.size()) == ssize_t(mutant.size()), "cannot write");
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    Artifact artifact;
    std::string why = artifact.open(path);
    close(fd);
    CHECK(why.compare(0, path.size() + 2, path + ": ") == 0, "%s: \"%s\"", what, why.c_str());
    return why;
  };
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string mutant = bytes;
    mutant[at] = char(mutant[at] ^ 1);
    refused(mutant, ("byte " + std::to_string(at)).c_str());
  }
  for (size_t size : {size_t(0), size_t(1), size_t(39), size_t(40), size_t(100), bytes.size() - 1})
    refused(bytes.substr(0, size), ("cut at " + std::to_string(size)).c_str());
  CHECK(contains(refused(bytes + "x", "longer"), "is too long, it has "), "longer");
  std::string mutant = bytes;
  mutant[bytes.find("tail!")] = 'T';
  CHECK(contains(refused(mutant, "weights"), "section \"model.onnx\" is damaged, its hash is "), "weights");
  Artifact artifact;
  CHECK(artifact.open(folder) == folder + ": is not a regular file", "a folder");
}

static void aFullDiskIsSaid() {
  // A limit on file sizes acts like a full disk for write().
  AtomicFile huge;
  std::string error = huge.open(folder + "/huge", uint64_t(1) << 60);
  CHECK(contains(error, "/huge: disk is full, 1152921504606846976 bytes are needed, ") && contains(error, " are free"),
        "%s", error.c_str());
  AtomicFile missing;
  error = missing.open(folder + "/no/file", 1);
  CHECK(contains(error, "/no/file: cannot create: No such file or directory"), "%s", error.c_str());
  {
    AtomicFile dropped;
    CHECK(dropped.open(folder + "/dropped", 1).empty() && dropped.write("x", 1).empty(), "cannot write");
  }
  CHECK(access((folder + "/dropped").c_str(), F_OK) != 0, "a file that was not committed is there");
  CHECK(contains(writeArtifact(folder, {}), ": cannot create: Is a directory"), "%s",
        writeArtifact(folder, {}).c_str());
}

static void refuses(const char *name, Plan plan, const std::function<void(Plan &)> &change, const std::string &text) {
  CHECK(verify(plan).empty(), "%s: unsound before the change: %s", name, verify(plan)[0].c_str());
  change(plan);
  std::vector<std::string> violations = verify(plan);
  bool found = false;
  for (const std::string &violation : violations)
    found |= contains(violation, text);
  CHECK(found, "%s: says \"%s\", needs \"%s\"", name, violations.empty() ? "nothing" : violations[0].c_str(),
        text.c_str());
}

static size_t find(const Program &program, Op op, size_t number = 0) {
  for (size_t i = 0; i < program.instrs.size(); ++i)
    if (program.instrs[i].op == op && number-- == 0)
      return i;
  return program.instrs.size();
}

static void buffersAndShapes() {
  Plan data = regression({}, Layout::Data, 4), zero = regression({}, Layout::Zero3, 4);
  auto step = [](Plan &plan) -> Program & { return plan.programs[0]; };
  refuses(
      "shrunken buffer", data, [&](Plan &p) { step(p).buffers[7].shape.dims[0] -= 1; },
      "multiplies batch, m, n, k = [1, 3, 3, 5]");
  refuses(
      "shrunken arena", data, [&](Plan &p) { p.programs[0].arenaBytes -= 64; }, "leaves the arena of ");
  refuses(
      "misplaced buffer", data, [&](Plan &p) { step(p).buffers[3].offset += 4; }, "needs a multiple of 64");
  refuses(
      "wrong variable", data, [&](Plan &p) { step(p).buffers[0].index = 7; }, "has index 7, the plan has 1 variables");
  refuses(
      "wrong shape of variable", zero, [&](Plan &p) { step(p).buffers[0].shape.dims[0] = 5; },
      "variable \"w\" needs f32[2x3]");
  refuses(
      "stored in another type", data, [&](Plan &p) { p.variables[0].stored = DType::F64; },
      "variable \"w\" is stored as f64 and held as f32, only bf16 and f16 may be held as f32");
  refuses(
      "mixed product", data, [&](Plan &p) { step(p).buffers[7].shape.type = DType::BF16; }, "mixes ");
  refuses(
      "never updated", data, [&](Plan &p) { step(p).instrs.pop_back(); }, "trainable variable \"w\" is never updated");
  refuses(
      "updated twice", data, [&](Plan &p) { step(p).instrs.push_back(step(p).instrs.back()); },
      "updates variable \"w\" a second time");
  refuses(
      "updated in inference", data, [&](Plan &p) { p.programs[1].instrs[1].outs[0] = 0; }, "inference changes none");
  refuses(
      "wrong axis", zero, [&](Plan &p) { step(p).instrs[find(step(p), Op::AllGather)].axes = {3}; },
      "names mesh axis 3, the mesh has 1");
  refuses(
      "group of the wrong size", zero,
      [&](Plan &p) {
        p.axes.push_back("tensor");
        p.sizes.push_back(2);
        step(p).instrs[find(step(p), Op::AllGather)].axes = {1};
      },
      "gathers 2 blocks of 2 into 5 along dimension 0, each must be 3");
  refuses(
      "axis named twice", zero,
      [&](Plan &p) {
        step(p).instrs[find(step(p), Op::AllGather)].axes = {0, 0};
      },
      "names mesh axis \"data\" twice");
  refuses(
      "unknown kernel", data, [&](Plan &p) { step(p).instrs.back().kernel = "k_none"; },
      "calls a kernel that the plan does not list");
  refuses(
      "argument missing", data, [&](Plan &p) { step(p).instrs.back().ins.pop_back(); },
      "passes 2 arguments and 1 results, the kernel has 3 and 1");
  refuses(
      "microbatch out of range", data, [&](Plan &p) { step(p).instrs[find(step(p), Op::Feed)].ints[0] = 1; },
      "feeds microbatch 1 of 1");
  refuses(
      "microbatch left out", pipelined({12, 5, 3, 3}, 2),
      [&](Plan &p) { step(p).instrs[find(step(p), Op::Feed)].ints[0] = 1; },
      "step program of stage 0: reads input \"x\", but never its microbatch 0 of 3");
  refuses(
      "batch", data, [&](Plan &p) { p.batch = 13; }, "1 of them must make the batch of 13");
  refuses(
      "mixed types", data,
      [&](Plan &p) {
        uint32_t b = step(p).instrs[find(step(p), Op::Matmul)].outs[0];
        step(p).buffers[b].shape.type = DType::I32;
      },
      "mixes f32 and i32");
  refuses(
      "view elsewhere", data, [&](Plan &p) { step(p).buffers[9].viewOf = 8; },
      "buffer 9 is a view of buffer 8 with another place");
  refuses(
      "view forward", data, [&](Plan &p) { step(p).buffers[3].viewOf = 9; },
      "which is not an earlier buffer of its own");
  refuses(
      "no step for a stage", pipelined({}, 1), [&](Plan &p) { p.programs.erase(p.programs.begin() + 1); },
      "plan has no step program for stage 1 of 2");
  refuses(
      "capture of a wrong shape", data,
      [&](Plan &p) {
        step(p).instrs[find(step(p), Op::Capture, 1)].ins[0] = 0;
        step(p).buffers[0].shape.dims = {3, 5};
      },
      "variable \"w\" needs f32[5x3]");
  refuses(
      "another result in place", data,
      [&](Plan &p) {
        Builder b(step(p));
        uint32_t t = b.temp({5, 3});
        b.launch("k_descend", {0, 4, 1}, {t}, 15);
      },
      "other results in place than an earlier launch of the kernel");
}

/// What devices hold alike stays alike, and kernels get what their code touches.
static void replicasAndKernels() {
  Plan data = regression({}, Layout::Data, 4), tensor = regression({}, Layout::Tensor, 3);
  auto copyInstead = [](Plan &p, size_t number) {
    Program &program = p.programs[0];
    Instr &instr = program.instrs[find(program, Op::AllReduce, number)];
    instr.op = Op::Copy;
    instr.ints.clear();
    instr.axes.clear();
  };
  refuses(
      "gradient not reduced", data, [&](Plan &p) { copyInstead(p, 1); },
      "shows a gradient that differs between devices along \"data\"; a collective over it is missing or goes over "
      "another "
      "axis");
  refuses(
      "loss not reduced", data, [&](Plan &p) { copyInstead(p, 0); },
      "shows the loss that differs between devices along \"data\"");
  refuses(
      "update of a replica", data,
      [&](Plan &p) {
        copyInstead(p, 1);
        p.programs[0].instrs.erase(p.programs[0].instrs.begin() + long(find(p.programs[0], Op::Capture, 1)));
      },
      "updates variable \"w\" differently on devices along \"data\", which hold the same piece; a collective over it "
      "is "
      "missing or goes over another axis");
  refuses(
      "reduced over another axis", data,
      [&](Plan &p) {
        p.axes.push_back("tensor");
        p.sizes.push_back(2);
        p.programs[0].instrs[find(p.programs[0], Op::AllReduce, 1)].axes = {1};
      },
      "differs between devices along \"data\"");
  refuses(
      "a kernel that looks where it is", data, [&](Plan &p) { p.kernels[2].coords = {0}; },
      "updates variable \"w\" differently on devices along \"data\"");
  refuses(
      "coordinates that are not there", data, [&](Plan &p) { p.kernels[2].coords = {1}; },
      "kernel \"k_descend\" looks at mesh axis 1, the mesh has 1");
  Plan typed = data;
  typed.kernels[2].signature = {{DType::F32, {15}}, {DType::F32, {15}}, {DType::F32, {1}}};
  refuses(
      "argument of another size", typed, [](Plan &p) { p.kernels[2].signature[1].dims[0] = 16; },
      "passes f32[5x3] as argument 1, the kernel works on f32[16]");
  refuses(
      "argument of another type", typed, [](Plan &p) { p.kernels[2].signature[1].type = DType::F64; },
      "passes f32[5x3] as argument 1, the kernel works on f64[15]");
  refuses(
      "one argument more", typed, [](Plan &p) { p.kernels[2].signature.pop_back(); },
      "passes 3 buffers, the kernel takes 2");
  CHECK(verify(tensor).empty(), "a piece may differ along the axis that cuts it");
}

/// The meanings of plans: independent of places and of the order of what is independent, and of nothing else.
static void meanings() {
  Plan plan = regression({}, Layout::Data, 4);
  auto before = meaningsOf(plan);
  CHECK(before.count("loss") && before.count("gradient of w") && before.count("variable w") &&
            before.count("output y") && before.count("tables") && before.size() == 5,
        "%zu values are seen", before.size());
  CHECK(before["loss"].likeness == Likeness::Order && before["output y"].likeness == Likeness::Bitwise, "likeness");
  auto alone = meaningsOf(regression({}, Layout::None, 1));
  CHECK(alone["variable w"].likeness == Likeness::Bitwise, "one device is like one device");
  Plan moved = plan;
  for (Buffer &buffer : moved.programs[0].buffers)
    buffer.offset += 6400;
  std::swap(moved.programs[0].instrs[1], moved.programs[0].instrs[2]); // two constants
  CHECK(differenceOf(before, meaningsOf(moved)).empty(), "%s", differenceOf(before, meaningsOf(moved)).c_str());
  auto differs = [&](const char *name, const std::function<void(Plan &)> &change, const char *text) {
    Plan other = plan;
    change(other);
    std::string found = differenceOf(before, meaningsOf(other));
    CHECK(found == text, "%s: \"%s\"", name, found.c_str());
  };
  differs(
      "reduction", [](Plan &p) { p.programs[0].instrs[find(p.programs[0], Op::AllReduce, 1)].ints[0] = 1; },
      "gradient of w is not computed as it was certified");
  differs(
      "constant", [](Plan &p) { p.programs[0].instrs[find(p.programs[0], Op::Fill, 1)].reals[0] = 2; },
      "loss is not computed as it was certified");
  differs(
      "dropped",
      [](Plan &p) {
        p.programs[0].instrs.erase(p.programs[0].instrs.begin() + long(find(p.programs[0], Op::Capture)));
      },
      "loss is certified, and the plan does not compute it");
  differs(
      "one more",
      [](Plan &p) {
        Program &program = p.programs[0];
        program.instrs.push_back(program.instrs[find(program, Op::Capture)]);
        program.instrs.back().ints = {2};
      },
      "gradient norm is computed, and was not certified");
  differs(
      "table",
      [](Plan &p) {
        p.variables[0].sharding.dims = {{}, {}};
        p.variables[0].init = 1;
      },
      "tables is not computed as it was certified");
}

static void convolutions() {
  Plan plan;
  plan.target = "cpu";
  plan.programs.emplace_back();
  plan.programs[0].kind = Program::Kind::Infer;
  Builder b(plan.programs[0]);
  uint32_t x = b.temp({2, 4, 9}), w = b.temp({6, 2, 3}), y = b.temp({2, 6, 4});
  b.add(Op::Fill, {}, {x}, {}, {1});
  b.add(Op::Fill, {}, {w}, {}, {1});
  b.add(Op::Conv, {x, w}, {y}, {1, 2, 2, 1, 0, 1});
  refuses(
      "stride", plan, [](Plan &p) { p.programs[0].instrs[2].ints[2] = 0; }, "strides and dilations are at least 1");
  refuses(
      "groups", plan, [](Plan &p) { p.programs[0].instrs[2].ints[1] = 3; }, "has 3 groups");
  refuses(
      "output size", plan, [](Plan &p) { p.programs[0].instrs[2].ints[3] = 3; }, "dimension 2 gives 5");
  refuses(
      "numbers", plan, [](Plan &p) { p.programs[0].instrs[2].ints.pop_back(); }, "needs rank 1 to 3, groups");
}

static void order() {
  Plan data = regression({}, Layout::Data, 4);
  // The gradient's all-reduce on the communication stream, with the waits that it needs.
  Program &program = data.programs[0];
  size_t reduce = find(program, Op::AllReduce, 1), product = find(program, Op::Matmul, 1);
  program.instrs[reduce].stream = 1;
  program.instrs[reduce].waits = {uint32_t(product)};
  program.instrs[reduce + 1].waits = {uint32_t(reduce)};
  auto text = [&](size_t i) { return std::to_string(i); };
  refuses(
      "wait dropped before", data, [&](Plan &p) { p.programs[0].instrs[reduce].waits.clear(); },
      "instruction " + text(reduce) +
          " (all_reduce, node \"reduce\"): reads buffer 4 without waiting for instruction " + text(product));
  refuses(
      "wait dropped after", data, [&](Plan &p) { p.programs[0].instrs[reduce + 1].waits.clear(); },
      "reads buffer 4 without waiting for instruction " + text(reduce) +
          " (all_reduce, node \"reduce\") of stream 1, which writes it");
  refuses(
      "wait forward", data, [&](Plan &p) { p.programs[0].instrs[reduce].waits = {uint32_t(reduce + 1)}; },
      "which is not before it");
  refuses(
      "wait on the own stream", data, [&](Plan &p) { p.programs[0].instrs[reduce + 1].waits = {uint32_t(product)}; },
      "of its own stream");
  refuses(
      "live buffers overlap", data, [&](Plan &p) { p.programs[0].buffers[9].offset = p.programs[0].buffers[5].offset; },
      "over its bytes");
  refuses(
      "weights overwritten", data,
      [&](Plan &p) {
        Builder b(p.programs[0]);
        uint32_t t = b.temp({1});
        p.programs[0].buffers[t].offset = 0;
        b.add(Op::Fill, {}, {t}, {}, {1});
      },
      "writes over variable \"w\", which must last through all steps");
  refuses(
      "read before any write", data,
      [&](Plan &p) {
        p.programs[0].instrs.erase(p.programs[0].instrs.begin() + long(find(p.programs[0], Op::Feed)));
        for (Instr &i : p.programs[0].instrs)
          i.waits.clear(), i.stream = 0;
      },
      "which nothing wrote");
  refuses(
      "operand under the result", data,
      [&](Plan &p) { p.programs[0].buffers[7].offset = p.programs[0].buffers[5].offset; },
      "overlap, and it writes one of them");
  refuses(
      "write while it is read", data,
      [&](Plan &p) {
        // The update may run while the all-reduce still reads and writes the gradient.
        Program &program = p.programs[0];
        Builder b(program);
        Instr fill;
        fill.op = Op::Fill;
        fill.outs = {4};
        fill.reals = {0};
        program.instrs.insert(program.instrs.begin() + long(reduce) + 1, fill);
        program.instrs[reduce + 2].waits = {};
      },
      "writes buffer 4 without waiting for instruction " + text(reduce));
  // A view is the same bytes; the same place without being a view is reuse.
  Plan view = regression({}, Layout::None, 1);
  Program &infer = view.programs[1];
  Buffer flat = infer.buffers[2];
  flat.shape.dims = {36};
  flat.viewOf = 2;
  infer.buffers.push_back(flat);
  Builder b(infer);
  uint32_t copy = b.temp({36});
  b.add(Op::Copy, {3}, {copy});
  CHECK(verify(view).empty(), "a view is refused: %s", verify(view).empty() ? "" : verify(view)[0].c_str());
  refuses(
      "reuse instead of a view", view,
      [](Plan &p) {
        p.programs[1].buffers[3].viewOf = -1;
        p.programs[1].buffers[3].space = Buffer::Space::Temp;
      },
      "reads buffer 3, but instruction 1 (matmul) wrote buffer 2 over its bytes");
}

static void collectives() {
  Plan pipe = pipelined({12, 5, 3, 3}, 2);
  auto first = [](Plan &p) -> Program & { return p.programs[0]; };
  auto second = [](Plan &p) -> Program & { return p.programs[1]; };
  refuses(
      "tag", pipe, [&](Plan &p) { second(p).instrs[find(second(p), Op::Recv)].ints[1] = 9; },
      "expects f32[2x3] with tag 9");
  refuses(
      "shape", pipe,
      [&](Plan &p) {
        Builder b(first(p));
        first(p).instrs[find(first(p), Op::Send)].ins[0] = 0;
      },
      "sends f32[5x3] with tag 0");
  refuses(
      "receive missing", pipe,
      [&](Plan &p) {
        Program &program = first(p);
        Instr &recv = program.instrs[find(program, Op::Recv, 2)];
        recv.op = Op::Fill;
        recv.ints.clear();
        recv.reals = {0};
      },
      "has no receive in stage 0");
  refuses(
      "sends swapped", pipe,
      [&](Plan &p) {
        std::swap(first(p).instrs[find(first(p), Op::Send, 0)].ints, first(p).instrs[find(first(p), Op::Send, 1)].ints);
      },
      "sends f32[2x3] with tag 1, step program of stage 1");
  refuses(
      "circle", pipe,
      [&](Plan &p) {
        // Both stages receive before they send.
        Program &program = first(p);
        size_t recv = find(program, Op::Recv);
        std::rotate(program.instrs.begin(), program.instrs.begin() + long(recv),
                    program.instrs.begin() + long(recv) + 1);
      },
      "stages wait for each other in a circle: step program of stage 0: instruction 0 (recv), step program of stage 1");
  refuses(
      "to itself", pipe, [&](Plan &p) { first(p).instrs[find(first(p), Op::Send)].ints[0] = 0; },
      "sends to stage 0, needs another of the 2");

  // Two different collectives over all stages and data.
  Plan all = pipe;
  for (Program &program : all.programs) {
    if (program.kind == Program::Kind::Infer)
      continue;
    Builder b(program);
    uint32_t small = b.temp({1}), large = b.temp({7});
    b.add(Op::Fill, {}, {small}, {}, {1});
    b.add(Op::Fill, {}, {large}, {}, {1});
    b.over(Op::AllReduce, {small}, {small}, {0}, {0, 1});
    b.over(Op::AllReduce, {large}, {large}, {0}, {0, 1});
  }
  refuses(
      "collectives swapped", all,
      [&](Plan &p) { std::swap(first(p).instrs.back(), first(p).instrs[first(p).instrs.size() - 2]); },
      "collective 0 over \"pipeline\" differs: step program of stage 0");
  refuses(
      "other reduction", all, [&](Plan &p) { first(p).instrs.back().ints = {1}; },
      "collective 1 over \"pipeline\" differs");
  refuses(
      "collective missing", all, [&](Plan &p) { second(p).instrs.pop_back(); },
      "is not met by step program of stage 1");
  refuses(
      "streams may swap two", all,
      [&](Plan &p) {
        for (Program &program : p.programs) {
          if (program.kind == Program::Kind::Infer)
            continue;
          Instr &last = program.instrs.back();
          last.stream = 1;
          last.waits = {uint32_t(program.instrs.size() - 3)};
        }
      },
      "so devices may meet in different orders; a wait is missing");
}

int main(int argc, char **argv) {
  folder = argc > 1 ? argv[1] : ".";
  bytesRoundTrip();
  hostileBytesNeverCrash();
  everyChangedByteIsRefused();
  aFullDiskIsSaid();
  buffersAndShapes();
  replicasAndKernels();
  meanings();
  convolutions();
  order();
  collectives();
  return finished("test-plan");
}
