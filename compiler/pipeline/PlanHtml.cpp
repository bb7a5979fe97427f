// Draws a plan: mesh, stages, schedule, communication and memory as HTML with inline SVG.
#include "compiler/pipeline/PlanHtml.h"
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "compiler/pipeline/Explain.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/shard/Schedule.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Format.h"

namespace mlir::llcc {

/// Larger meshes and schedules are drawn in part, with a note.
static constexpr int64_t kMostDevices = 256, kMostSlots = 400, kMostColumns = 1000;

/// Text from anywhere, harmless between tags and in attributes.
static std::string escape(StringRef text) {
  std::string safe;
  for (char c : text) {
    switch (c) {
    case '&':
      safe += "&amp;";
      break;
    case '<':
      safe += "&lt;";
      break;
    case '>':
      safe += "&gt;";
      break;
    case '"':
      safe += "&quot;";
      break;
    case '\'':
      safe += "&#39;";
      break;
    default:
      safe += (unsigned char)(c) < 32 || c == 127 ? ' ' : c;
    }
  }
  return safe;
}

static int64_t bytesOf(Type type) {
  auto shaped = cast<ShapedType>(type);
  return shaped.getNumElements() * ((shaped.getElementTypeBitWidth() + 7) / 8);
}

void collectStageNodes(ModuleOp sharded, PlanPage &page) {
  for (int64_t stage = 0;; ++stage) {
    auto step = sharded.lookupSymbol<func::FuncOp>("step_stage" + std::to_string(stage));
    if (!step)
      return;
    llvm::SetVector<StringRef> nodes;
    for (Operation &op : step.getBody().front())
      if (StringRef node = nodeOf(op.getLoc()); !node.empty() && !isBackward(op.getLoc()) && node != "update" &&
                                                !isa<RecvOp, SendOp>(op) && op.getNumOperands() > 0)
        nodes.insert(node);
    auto &list = page.nodes.emplace_back();
    for (StringRef node : nodes)
      list.push_back(node.str());
  }
}

namespace {
class PageWriter {
public:
  PageWriter(ModuleOp module, const PlanPage &page, llvm::raw_ostream &out) : module(module), page(page), out(out) {}

  void write() {
    mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
    out << R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>)"
        << escape(page.model) << R"( – plan</title>
<style>
body { font: 14px/1.4 sans-serif; margin: 2em; color: #222 }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin-top: 2em }
svg { display: block; max-width: 100% } svg text { font: 10px sans-serif }
table { border-collapse: collapse } td, th { padding: 2px 10px; border-bottom: 1px solid #ddd; text-align: left }
td.n, th.n { text-align: right } code { background: #f4f4f4 }
.F { fill: #8ab4e8 } .B { fill: #8fce9b } .W { fill: #f2c27e } .bubble { fill: url(#hatch); stroke: #bbb }
.params { fill: #9aa7c7 } .states { fill: #c7b39a } .temps { fill: #a9d3a4 } .arena { stroke: #b00; stroke-dasharray: 4 3 }
.device { fill: #eef3fb; stroke: #8ab4e8 }
</style></head><body>
)";
    out << "<h1>" << escape(page.model) << "</h1>\n<p>";
    for (auto [axis, size] : llvm::zip(mesh.getAxes(), mesh.getSizes()))
      out << escape(axis.getValue()) << " = " << size << ", ";
    out << mesh.getDevices() << " devices; batch " << page.batch << " in " << microbatches() << " microbatches</p>\n";
    if (!page.command.empty())
      out << "<p><code>" << escape(page.command) << "</code></p>\n";
    drawMesh();
    listStages();
    drawSchedule();
    listCommunication();
    out << "<h2>Memory along the list of instructions</h2>\n";
    for (auto program : module.getOps<ProgramOp>())
      drawMemory(program);
    out << "</body></html>\n";
  }

private:
  ModuleOp module;
  const PlanPage &page;
  llvm::raw_ostream &out;
  MeshAttr mesh;

  int64_t microbatches() {
    auto attr = module->getAttrOfType<IntegerAttr>("llcc.microbatches");
    return attr ? attr.getInt() : 1;
  }

  /// A row of devices for each pipeline stage.
  void drawMesh() {
    int64_t stages = mesh.getSize("pipeline"), devices = mesh.getDevices(), columns = devices / stages;
    int64_t drawn = std::min(devices, kMostDevices), width = 110, height = 34;
    out << "<h2>Mesh</h2>\n";
    // column of a device: its coordinates along all axes but the pipeline
    int64_t rows = 0, most = std::min<int64_t>(columns, 8);
    std::string boxes;
    llvm::raw_string_ostream text(boxes);
    for (int64_t rank = 0; rank < drawn; ++rank) {
      int64_t rest = rank, stage = 0, column = 0, stride = 1;
      std::string coordinates;
      for (int64_t i = mesh.getSizes().size() - 1; i >= 0; --i) {
        int64_t size = mesh.getSizes()[i], at = rest % size;
        rest /= size;
        std::string axis = mesh.getAxes()[i].getValue().str();
        coordinates = axis + " " + std::to_string(at) + (coordinates.empty() ? "" : ", ") + coordinates;
        if (axis == "pipeline") {
          stage = at;
        } else {
          column += at * stride;
          stride *= size;
        }
      }
      int64_t row = stage * ((columns + most - 1) / most) + column / most, x = column % most * (width + 6),
              y = row * (height + 6);
      rows = std::max(rows, row + 1);
      text << "<g class=\"rank\"><title>" << escape(coordinates) << "</title><rect class=\"device\" x=\"" << x
           << "\" y=\"" << y << "\" width=\"" << width << "\" height=\"" << height << "\" rx=\"4\"/><text x=\"" << x + 6
           << "\" y=\"" << y + 14 << "\">device " << rank << "</text><text x=\"" << x + 6 << "\" y=\"" << y + 27
           << "\">" << escape(coordinates) << "</text></g>\n";
    }
    out << "<svg class=\"mesh\" width=\"" << most * (width + 6) << "\" height=\"" << rows * (height + 6) << "\">\n"
        << boxes << "</svg>\n";
    if (drawn < devices)
      out << "<p>the first " << drawn << " of " << devices << " devices</p>\n";
  }

  void listStages() {
    out << "<h2>Stages</h2>\n<table><tr><th>stage</th><th class=\"n\">parameters</th><th class=\"n\">state</th>"
           "<th class=\"n\">arena of a device</th><th>ONNX nodes</th></tr>\n";
    for (auto program : module.getOps<ProgramOp>()) {
      if (program.getKind() != "step")
        continue;
      int64_t stage = program.getStage(), params = 0, states = 0;
      for (auto buffer : program.getOps<BufferOp>())
        if (!buffer->hasAttr("llcc.view") && (buffer.getSpace() == "param" || buffer.getSpace() == "state"))
          (buffer.getSpace() == "param" ? params : states) += bytesOf(buffer.getType());
      out << "<tr><td>" << stage << "</td><td class=\"n\">" << bytesText(params) << "</td><td class=\"n\">"
          << bytesText(states) << "</td><td class=\"n\">" << bytesText(program.getArenaBytes()) << "</td><td>";
      if (size_t(stage) < page.nodes.size())
        for (const std::string &node : page.nodes[stage])
          out << "<code>" << escape(node) << "</code> ";
      out << "</td></tr>\n";
    }
    out << "</table>\n";
  }

  void drawSchedule() {
    auto table = module->getAttrOfType<StringAttr>("llcc.schedule");
    Schedule schedule;
    if (!table || !parseSchedule(table.getValue().str(), schedule).empty() || schedule.stages() == 0)
      return;
    int64_t drawn = std::min(schedule.length(), kMostSlots), width = schedule.chunks > 1 ? 30 : 22, height = 22;
    out << "<h2>Schedule</h2>\n<p>A row for each stage: forward passes, backward passes"
        << (schedule.splitsBackward() ? ", gradients of weights" : "") << " by microbatch"
        << (schedule.chunks > 1 ? " and chunk" : "") << "; hatched: bubbles.</p>\n<svg class=\"schedule\" width=\""
        << 60 + drawn * width << "\" height=\"" << schedule.stages() * (height + 4) << "\">\n"
        << R"(<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse"><path d="M0 6L6 0" stroke="#ccc"/></pattern></defs>)"
        << "\n";
    for (int64_t s = 0; s < schedule.stages(); ++s) {
      int64_t y = s * (height + 4);
      out << "<text x=\"0\" y=\"" << y + 15 << "\">stage " << s << "</text>\n";
      for (int64_t t = 0; t < drawn; ++t) {
        const std::optional<Task> &task = schedule.slots[s][t];
        std::string name = task ? std::string(1, "FBW"[int(task->phase)]) : "bubble";
        int64_t x = 60 + t * width;
        out << "<rect class=\"" << name << "\" x=\"" << x << "\" y=\"" << y << "\" width=\"" << width - 1
            << "\" height=\"" << height << "\"/>";
        if (task)
          out << "<text x=\"" << x + 4 << "\" y=\"" << y + 15 << "\">" << task->microbatch
              << (schedule.chunks > 1 ? "." + std::to_string(task->chunk) : "") << "</text>";
        out << "\n";
      }
    }
    out << "</svg>\n";
    if (drawn < schedule.length())
      out << "<p>the first " << drawn << " of " << schedule.length() << " slots</p>\n";
    out << "<table><tr><th>stage</th><th class=\"n\">tasks</th><th class=\"n\">bubbles</th><th class=\"n\">share</th>"
           "<th class=\"n\">most in flight</th></tr>\n";
    for (int64_t s = 0; s < schedule.stages(); ++s) {
      int64_t bubbles = schedule.bubbles(s), length = schedule.length();
      out << "<tr class=\"bubbles\"><td>" << s << "</td><td class=\"n\">" << length - bubbles << "</td><td class=\"n\">"
          << bubbles << "</td><td class=\"n\">" << llvm::format("%.1f", 100.0 * double(bubbles) / double(length))
          << " %</td><td class=\"n\">" << schedule.inFlight(s) << "</td></tr>\n";
    }
    out << "</table>\n";
  }

  void listCommunication() {
    struct Traffic {
      int64_t count = 0, bytes = 0;
    };
    using Row = std::tuple<int64_t, std::string, std::string, std::string, bool>; // stage, op, over, node, backward
    llvm::MapVector<Row, Traffic, std::map<Row, unsigned>> rows;
    for (auto program : module.getOps<ProgramOp>())
      if (program.getKind() == "step")
        for (auto exec : program.getOps<ExecOp>()) {
          if (exec.getStream() == 0 || exec.getOp() == "Recv")
            continue;
          std::string over;
          auto ints = exec.getArgs().getAs<DenseI64ArrayAttr>("ints"),
               axes = exec.getArgs().getAs<DenseI64ArrayAttr>("axes");
          if (exec.getOp() == "Send" && ints)
            over = "to stage " + std::to_string(ints[0]);
          for (int64_t axis : axes ? axes.asArrayRef() : ArrayRef<int64_t>())
            over += (over.empty() ? "" : ", ") + mesh.getAxes()[axis].getValue().str();
          Traffic &t = rows[{int64_t(program.getStage()), exec.getOp().str(), over, nodeOf(exec.getLoc()).str(),
                             isBackward(exec.getLoc())}];
          ++t.count;
          for (Value in : exec.getIns())
            t.bytes += bytesOf(in.getType());
        }
    out << "<h2>Communication of a step</h2>\n";
    if (rows.empty()) {
      out << "<p>none</p>\n";
      return;
    }
    out << "<table><tr><th>stage</th><th>what</th><th>over</th><th>ONNX node</th><th>pass</th><th "
           "class=\"n\">times</th>"
           "<th class=\"n\">bytes a device gives in</th></tr>\n";
    int64_t total = 0;
    for (auto &[row, t] : rows) {
      auto &[stage, op, over, node, backward] = row;
      total += t.bytes;
      out << "<tr class=\"traffic\"><td>" << stage << "</td><td>" << op << "</td><td>" << escape(over) << "</td><td>"
          << escape(node) << "</td><td>" << (backward ? "backward" : "forward") << "</td><td class=\"n\">" << t.count
          << "</td><td class=\"n\">" << t.bytes << "</td></tr>\n";
    }
    out << "<tr><th>all</th><td></td><td></td><td></td><td></td><td></td><td class=\"n\">" << total
        << "</td></tr></table>\n";
  }

  /// Parameters, state and what is alive besides, instruction by instruction, beside the size of the arena.
  void drawMemory(ProgramOp program) {
    SmallVector<BufferOp> buffers(program.getOps<BufferOp>());
    SmallVector<int64_t> root(buffers.size()), first(buffers.size(), -1), last(buffers.size(), -1);
    DenseMap<Value, size_t> number;
    for (auto [i, buffer] : llvm::enumerate(buffers)) {
      auto view = buffer->getAttrOfType<IntegerAttr>("llcc.view");
      root[i] = view && size_t(view.getInt()) < i ? root[view.getInt()] : int64_t(i);
      number[buffer.getResult()] = i;
    }
    int64_t count = 0;
    for (auto exec : program.getOps<ExecOp>()) {
      for (Value operand : exec->getOperands()) {
        int64_t at = root[number.lookup(operand)];
        if (first[at] < 0)
          first[at] = count;
        last[at] = count;
      }
      ++count;
    }
    int64_t params = 0, states = 0;
    SmallVector<int64_t> change(count + 1, 0);
    for (auto [i, buffer] : llvm::enumerate(buffers)) {
      if (root[i] != int64_t(i))
        continue;
      int64_t bytes = bytesOf(buffer.getType());
      if (buffer.getSpace() == "param" || buffer.getSpace() == "state") {
        (buffer.getSpace() == "param" ? params : states) += bytes;
      } else if (first[i] >= 0) {
        change[first[i]] += bytes;
        change[last[i] + 1] -= bytes;
      }
    }
    SmallVector<int64_t> live(count, 0);
    int64_t sum = 0, peak = 0, worst = 0;
    for (int64_t i = 0; i < count; ++i)
      if ((live[i] = sum += change[i]) > peak)
        peak = sum, worst = i;
    int64_t arena = program.getArenaBytes();
    double scale = 160.0 / double(std::max<int64_t>(1, std::max(arena, params + states + peak)));
    int64_t columns = std::min(count, kMostColumns), width = 900;
    auto height = [&](double bytes) { return bytes * scale; };
    out << "<h3>" << escape(program.getSymName()) << ": " << count << " instructions, arena "
        << bytesText(double(arena)) << "</h3>\n<p>parameters " << bytesText(double(params)) << ", state "
        << bytesText(double(states)) << ", at most " << bytesText(double(peak)) << " besides, at instruction " << worst
        << "</p>\n<svg class=\"memory\" width=\"" << width << "\" height=\"170\">\n";
    auto band = [&](StringRef name, double from, double bytes) {
      out << "<rect class=\"" << name << "\" x=\"0\" y=\"" << llvm::format("%.1f", 165 - height(from + bytes))
          << "\" width=\"" << width << "\" height=\"" << llvm::format("%.1f", height(bytes)) << "\"><title>" << name
          << " " << bytesText(bytes) << "</title></rect>\n";
    };
    band("params", 0, double(params));
    band("states", double(params), double(states));
    if (columns > 0) {
      double floor = 165 - height(double(params + states));
      out << "<path class=\"temps\" d=\"M0 " << llvm::format("%.1f", floor);
      for (int64_t c = 0; c < columns; ++c) {
        int64_t most = 0; // of the instructions that share a column
        for (int64_t i = c * count / columns, end = std::max(i + 1, (c + 1) * count / columns); i < end; ++i)
          most = std::max(most, live[i]);
        out << "L" << llvm::format("%.1f %.1f", double(c) * width / double(columns), floor - height(double(most)))
            << "H" << llvm::format("%.1f", double(c + 1) * width / double(columns));
      }
      out << "L" << width << " " << llvm::format("%.1f", floor) << "Z\"/>\n";
    }
    double top = 165 - height(double(arena));
    out << "<line class=\"arena\" x1=\"0\" x2=\"" << width << "\" y1=\"" << llvm::format("%.1f", top) << "\" y2=\""
        << llvm::format("%.1f", top) << "\"/>\n</svg>\n";
  }
};
} // namespace

void writePlanHtml(ModuleOp lowered, const PlanPage &page, llvm::raw_ostream &out) {
  PageWriter(lowered, page, out).write();
}

} // namespace mlir::llcc
