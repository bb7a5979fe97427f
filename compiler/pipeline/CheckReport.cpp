// `llcc check` for people (aligned text, everything that counts on one screen) and for programs (JSON).
#include "compiler/pipeline/CheckReport.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::llcc;
namespace json = llvm::json;

/// Tensors of one role that are no parameters: so many are shown.
static constexpr int64_t kShownOfRole = 8;

static std::string shapeText(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  return llvm::join(llvm::map_range(shape, [](int64_t n) { return std::to_string(n); }), "x");
}

static int64_t elements(ArrayRef<int64_t> shape) {
  int64_t n = 1;
  for (int64_t size : shape)
    n *= size;
  return n;
}

static std::string bytesText(uint64_t bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes);
  int unit = 0;
  for (; value >= 1024 && unit < 4; ++unit)
    value /= 1024;
  return unit ? llvm::formatv("{0:f1} {1}", value, units[unit]).str() : std::to_string(bytes) + " B";
}

namespace {
/// Columns of equal width, but the last.
class Table {
public:
  void row(std::vector<std::string> cells) { rows.push_back(std::move(cells)); }
  void print(raw_ostream &out) const {
    std::vector<size_t> widths;
    for (const auto &cells : rows)
      for (size_t i = 0; i + 1 < cells.size(); ++i) {
        widths.resize(std::max(widths.size(), i + 1));
        widths[i] = std::max(widths[i], std::min<size_t>(cells[i].size(), 48));
      }
    for (const auto &cells : rows) {
      out << "  ";
      for (size_t i = 0; i < cells.size(); ++i) {
        out << cells[i];
        if (i + 1 < cells.size())
          out.indent(unsigned(std::max(widths[i], cells[i].size()) - cells[i].size() + 2));
      }
      out << "\n";
    }
  }

private:
  std::vector<std::vector<std::string>> rows;
};
} // namespace

static std::string aliasText(const ImportReport::Tensor &t) {
  if (!t.tiedTo.empty())
    return "the same parameter as " + t.tiedTo + (t.transposed ? ", transposed" : "") +
           "; both are written back (--untie keeps them apart)";
  if (t.restored)
    return "a bias of zeros that the exporter removed; saved as an initializer of its own";
  if (!t.splitFrom.empty())
    return "was merged with " + t.splitFrom + " in the file; saved as an initializer of its own";
  return "";
}

/// What to do about a refused node: the clause behind the last "; " of its sentence, or the general advice.
static std::string remedyOf(const ImportErrors::Problem &problem) {
  size_t at = problem.what.rfind("; ");
  return at == std::string::npos ? "export the model without it, or train another output with --output=NAME"
                                 : problem.what.substr(at + 2);
}

static std::string reasonOf(const ImportErrors::Problem &problem) {
  return problem.what.substr(0, problem.what.rfind("; "));
}

/// Nodes of one kind, of which all the same is to be said, in one sentence (--json has each).
static void printModes(ArrayRef<ImportReport::Mode> modes, raw_ostream &out) {
  llvm::MapVector<std::tuple<StringRef, StringRef, StringRef>, SmallVector<StringRef>> groups;
  for (const auto &mode : modes)
    groups[{mode.op, mode.what, mode.remedy}].push_back(mode.node);
  for (const auto &[text, nodes] : groups) {
    out << "  " << (nodes.size() == 1 ? "node " : "nodes ");
    llvm::interleaveComma(ArrayRef(nodes).take_front(3), out, [&](StringRef node) { out << "\"" << node << "\""; });
    if (nodes.size() > 3)
      out << " and " << nodes.size() - 3 << " more";
    out << " (" << std::get<0>(text) << "): " << std::get<1>(text) << "; " << std::get<2>(text) << "\n";
  }
}

static const char *const kGradientRemedy =
    "freeze the parameters in front of it (--freeze=GLOB), or train another output";

void mlir::llcc::printReport(const CheckReport &r, raw_ostream &out) {
  const ImportReport &m = r.import;
  out << r.model << ": " << (r.trainable() ? "trainable" : "not trainable") << "\n  "
      << (m.producer.empty() ? "unknown exporter" : m.producer) << ", opset " << m.opset << ", IR " << m.irVersion
      << ", " << m.live.size() << " nodes";
  if (m.deadNodes)
    out << " and " << m.deadNodes << " that no output needs";
  out << "\n";

  int64_t trained = 0, numbers = 0, frozen = 0, constants = 0;
  Table parameters, rest, aliases;
  std::map<std::string, int64_t> ofRole;
  for (const auto &t : m.tensors) {
    if (t.trainable && t.tiedTo.empty()) {
      ++trained;
      numbers += elements(t.shape);
    } else if (t.parameter && t.tiedTo.empty()) {
      ++frozen;
    } else if (!t.parameter) {
      ++constants;
    }
    // A net of convolutions has twice as many statistics as layers.
    if (!t.parameter && ++ofRole[t.role] > kShownOfRole)
      continue;
    (t.parameter ? parameters : rest)
        .row({!t.tiedTo.empty() ? "tied"
              : t.trainable     ? "trained"
              : t.parameter     ? "frozen"
                                : "no",
              t.name, shapeText(t.shape), t.type, t.role, t.reason});
    if (std::string text = aliasText(t); !text.empty())
      aliases.row({t.name, text});
  }
  out << "\nparameters: " << trained << " trained (" << numbers << " numbers), " << frozen << " frozen\n";
  parameters.print(out);
  if (constants) {
    out << "\nstored floats that are no parameters: " << constants << " (--train=NAME makes one)\n";
    rest.print(out);
    for (const auto &[role, count] : ofRole)
      if (count > kShownOfRole)
        out << "  and " << count - kShownOfRole << " more of the role " << role << " (--json has all)\n";
  }
  if (llvm::any_of(m.tensors, [](const auto &t) { return !aliasText(t).empty(); })) {
    out << "\nties and copies\n";
    aliases.print(out);
  }

  out << "\ninputs and outputs\n";
  Table values;
  for (const auto &v : m.inputs)
    values.row({"input", v.name, shapeText(v.shape), v.type, v.batched ? "dimension 0 is the batch" : "not batched"});
  for (const auto &v : m.outputs)
    values.row({"output", v.name, v.type.empty() ? "?" : shapeText(v.shape), v.type,
                v.op.empty() ? std::string() : "of node \"" + v.node + "\" (" + v.op + ")"});
  values.print(out);
  if (!m.dimensions.empty()) {
    out << "\nsizes that the file leaves open\n";
    Table sizes;
    for (const auto &d : m.dimensions)
      sizes.row({d.symbol, "dimension " + std::to_string(d.axis) + " of input \"" + d.input + "\"",
                 std::to_string(d.size),
                 d.batch         ? std::string(d.placeholder ? "the batch: 64 unless --batch=N" : "the batch")
                 : d.placeholder ? "assumed here: must be bound with --dim " + d.symbol + "=N"
                                 : "as given"});
    sizes.print(out);
  }

  out << "\nnodes without forward support: " << (r.refused.empty() ? "none" : std::to_string(r.refused.size())) << "\n";
  for (const auto &p : r.refused) {
    if (p.node.empty())
      out << "  " << p.what << "\n";
    else
      out << "  node \"" << p.node << "\" (" << p.op << "): " << reasonOf(p) << "\n    remedy: " << remedyOf(p) << "\n";
  }
  if (!m.notExamined.empty()) {
    out << "  not examined, as the file does not say the shapes of what these nodes make: " << m.notExamined.size()
        << " behind them (run onnx.shape_inference, then check again)\n";
    for (const auto &n : ArrayRef(m.notExamined).take_front(8))
      out << "    node \"" << n.name << "\" (" << n.op << ")\n";
    if (m.notExamined.size() > 8)
      out << "    and " << m.notExamined.size() - 8 << " more\n";
  }
  out << "nodes without gradient support: " << (r.noGradient.empty() ? "none" : std::to_string(r.noGradient.size()))
      << "\n";
  for (const auto &n : r.noGradient)
    out << "  node \"" << n.node << "\" (" << n.op << "): " << n.why << "\n    remedy: " << kGradientRemedy << "\n";
  for (const std::string &text : r.obstacles)
    out << "cannot train: " << text << "\n";

  if (!m.modes.empty()) {
    out << "\nmodes\n";
    printModes(m.modes, out);
  }
  if (!r.heads.empty())
    out << "\nheads: output \"" << r.output << "\" is trained; " << llvm::join(r.heads, ", ")
        << (r.heads.size() == 1 ? " is" : " are") << " computed in inference alone (--output=NAME chooses)\n";
  if (!r.loss.empty())
    out << "\nloss: " << r.loss << " on \"" << r.output << "\", as " << r.lossReason << "\n";

  if (r.measured)
    out << "\nmemory of a step on one device, batch " << m.batch << ": " << bytesText(r.memory.total)
        << " (from the plan)\n  parameters " << bytesText(r.memory.parameters) << ", optimizer state "
        << bytesText(r.memory.state) << ", inputs " << bytesText(r.memory.inputs) << ", gradients and activations "
        << bytesText(r.memory.total - std::min(r.memory.total, r.memory.parameters + r.memory.state + r.memory.inputs))
        << "\n";
  if (!r.command.empty()) {
    out << "\nFILE.npz holds\n";
    Table arrays;
    for (const auto &a : r.data) {
      std::string shape = a.shape.empty() ? "scalar" : "[samples";
      for (int64_t size : a.shape.empty() ? ArrayRef<int64_t>() : ArrayRef(a.shape).drop_front())
        shape += ", " + std::to_string(size);
      arrays.row({a.name, a.type, a.shape.empty() ? shape : shape + "]"});
    }
    arrays.print(out);
    out << "\n" << r.command << "\n";
  }
}

static json::Array shapeJson(ArrayRef<int64_t> shape) {
  json::Array array;
  for (int64_t size : shape)
    array.push_back(size);
  return array;
}

/// Names may hold any bytes; JSON holds UTF-8.
static std::string utf8(StringRef text) { return json::isUTF8(text) ? text.str() : json::fixUTF8(text); }

void mlir::llcc::printJson(const CheckReport &r, raw_ostream &out) {
  const ImportReport &m = r.import;
  json::Object root;
  root["schema"] = 1;
  root["model"] = utf8(r.model);
  root["trainable"] = r.trainable();
  root["producer"] = utf8(m.producer);
  root["opset"] = m.opset;
  root["ir_version"] = m.irVersion;
  root["nodes"] = int64_t(m.live.size());
  root["dead_nodes"] = m.deadNodes;
  root["batch"] = m.batch;
  json::Array tensors;
  for (const auto &t : m.tensors) {
    json::Object o{{"name", utf8(t.name)},     {"type", t.type},           {"shape", shapeJson(t.shape)},
                   {"parameter", t.parameter}, {"trainable", t.trainable}, {"role", t.role},
                   {"reason", utf8(t.reason)}};
    if (!t.tiedTo.empty()) {
      o["tied_to"] = utf8(t.tiedTo);
      o["transposed"] = t.transposed;
    }
    if (!t.splitFrom.empty())
      o["split_from"] = utf8(t.splitFrom);
    if (t.restored)
      o["restored"] = true;
    tensors.push_back(std::move(o));
  }
  root["tensors"] = std::move(tensors);
  json::Array inputs, outputs, dims, refused, notExamined, noGradient, obstacles, modes, data, heads;
  for (const auto &v : m.inputs)
    inputs.push_back(
        json::Object{{"name", utf8(v.name)}, {"type", v.type}, {"shape", shapeJson(v.shape)}, {"batched", v.batched}});
  for (const auto &v : m.outputs)
    outputs.push_back(json::Object{{"name", utf8(v.name)},
                                   {"type", v.type},
                                   {"shape", shapeJson(v.shape)},
                                   {"node", utf8(v.node)},
                                   {"op", utf8(v.op)}});
  for (const auto &d : m.dimensions)
    dims.push_back(json::Object{{"symbol", utf8(d.symbol)},
                                {"input", utf8(d.input)},
                                {"axis", d.axis},
                                {"size", d.size},
                                {"batch", d.batch},
                                {"must_bind", d.placeholder && !d.batch},
                                {"flag", utf8(d.batch ? "--batch=N" : "--dim " + d.symbol + "=N")}});
  for (const auto &p : r.refused)
    refused.push_back(json::Object{
        {"node", utf8(p.node)}, {"op", utf8(p.op)}, {"reason", utf8(reasonOf(p))}, {"remedy", utf8(remedyOf(p))}});
  for (const auto &n : m.notExamined)
    notExamined.push_back(json::Object{{"node", utf8(n.name)}, {"op", utf8(n.op)}});
  for (const auto &n : r.noGradient)
    noGradient.push_back(
        json::Object{{"node", utf8(n.node)}, {"op", utf8(n.op)}, {"reason", utf8(n.why)}, {"remedy", kGradientRemedy}});
  for (const std::string &text : r.obstacles)
    obstacles.push_back(utf8(text));
  for (const auto &mode : m.modes)
    modes.push_back(
        json::Object{{"node", utf8(mode.node)}, {"op", utf8(mode.op)}, {"what", mode.what}, {"remedy", mode.remedy}});
  for (const auto &a : r.data)
    data.push_back(json::Object{{"name", utf8(a.name)}, {"type", a.type}, {"shape", shapeJson(a.shape)}});
  for (const std::string &head : r.heads)
    heads.push_back(utf8(head));
  root["inputs"] = std::move(inputs);
  root["outputs"] = std::move(outputs);
  root["dimensions"] = std::move(dims);
  root["no_forward"] = std::move(refused);
  root["not_examined"] = std::move(notExamined);
  root["no_gradient"] = std::move(noGradient);
  root["obstacles"] = std::move(obstacles);
  root["modes"] = std::move(modes);
  root["data"] = std::move(data);
  root["heads"] = std::move(heads);
  root["output"] = utf8(r.output);
  root["loss"] = utf8(r.loss);
  if (r.measured)
    root["memory"] = json::Object{{"total", r.memory.total},
                                  {"parameters", r.memory.parameters},
                                  {"optimizer_state", r.memory.state},
                                  {"inputs", r.memory.inputs},
                                  {"instructions", r.memory.instructions}};
  root["command"] = utf8(r.command);
  out << llvm::formatv("{0:2}", json::Value(std::move(root))) << "\n";
}
