// Reads the description of a cluster with toml++.
#include "compiler/pipeline/ClusterFile.h"
#include <cmath>
#include <cstdlib>
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace mlir::llcc {
namespace {

class Reader {
public:
  Reader(const std::string &path, std::string &error) : path(path), error(error) {}

  bool read(Cluster &cluster) {
    toml::parse_result file = toml::parse_file(path);
    if (!file) {
      if (file.error().source().begin.line == 0)
        return fail(nullptr, "cannot be read; it must be a TOML file");
      return failAt(file.error().source().begin.line, std::string(file.error().description()));
    }
    const toml::table &root = file.table();
    if (!onlyKeys(root, {"name", "devices", "flops", "memory_bandwidth", "memory", "efficiency", "launch", "link"}))
      return false;
    for (const char *needed : {"flops", "memory_bandwidth", "link"})
      if (!root.contains(needed))
        return fail(nullptr, std::string("has no ") + needed + ", which it needs");
    if (!text(root, "name", cluster.name) || !count(root, "devices", cluster.devices) ||
        !number(root, "flops", cluster.flops) || !number(root, "memory_bandwidth", cluster.memoryBandwidth) ||
        !number(root, "efficiency", cluster.efficiency) || !number(root, "launch", cluster.launch) ||
        !memory(root, cluster.memory))
      return false;
    if (cluster.efficiency > 1)
      return fail(root.get("efficiency"), "efficiency is above 1");
    const toml::array *links = root["link"].as_array();
    if (!links || links->empty() || !links->is_homogeneous(toml::node_type::table))
      return fail(root.get("link"), "link is no list of tables, write [[link]]");
    cluster.links.clear();
    for (const toml::node &node : *links) {
      const toml::table &table = *node.as_table();
      Cluster::Link link{"", 0, 0, 0};
      if (!onlyKeys(table, {"name", "devices", "bandwidth", "latency"}))
        return false;
      if (!table.contains("bandwidth"))
        return fail(&node, "a link has no bandwidth");
      if (!text(table, "name", link.name) || !count(table, "devices", link.devices) ||
          !number(table, "bandwidth", link.bandwidth) || !number(table, "latency", link.latency))
        return false;
      int64_t inner = cluster.links.empty() ? 1 : cluster.links.back().devices;
      if (!inner || (link.devices && link.devices % inner))
        return fail(&node, "links stand innermost first, each connects whole groups of the one before; devices of the "
                           "last one may be left out: all");
      cluster.links.push_back(link);
    }
    return true;
  }

private:
  bool failAt(size_t line, const std::string &what) {
    error = path + ":" + std::to_string(line) + ": " + what;
    return false;
  }
  bool fail(const toml::node *node, const std::string &what) {
    if (node && node->source().begin.line)
      return failAt(node->source().begin.line, what);
    error = path + ": " + what;
    return false;
  }

  bool onlyKeys(const toml::table &table, std::initializer_list<const char *> known) {
    for (auto &&[key, node] : table)
      if (llvm::none_of(known, [&](const char *name) { return key.str() == name; })) {
        std::string list;
        for (const char *name : known)
          list += std::string(list.empty() ? "" : ", ") + name;
        return fail(&node, "\"" + std::string(key.str()) + "\" is not known, needs one of " + list);
      }
    return true;
  }

  bool text(const toml::table &table, const char *key, std::string &value) {
    if (const toml::node *node = table.get(key)) {
      if (!node->is_string())
        return fail(node, std::string(key) + " is no text");
      value = *node->value<std::string>();
    }
    return true;
  }

  bool number(const toml::table &table, const char *key, double &value) {
    if (const toml::node *node = table.get(key)) {
      std::optional<double> x = node->is_number() ? node->value<double>() : std::nullopt;
      if (!x || !std::isfinite(*x) || *x < 0 || (*x == 0 && StringRef(key) != "latency" && StringRef(key) != "launch"))
        return fail(node, std::string(key) + " is no number above 0");
      value = *x;
    }
    return true;
  }

  bool count(const toml::table &table, const char *key, int64_t &value) {
    if (const toml::node *node = table.get(key)) {
      std::optional<int64_t> x = node->is_integer() ? node->value<int64_t>() : std::nullopt;
      if (!x || *x < 1)
        return fail(node, std::string(key) + " is no whole number of at least 1");
      value = *x;
    }
    return true;
  }

  /// Bytes, or a number with K, M, G or T (powers of 1024).
  bool memory(const toml::table &table, uint64_t &value) {
    const toml::node *node = table.get("memory");
    if (!node)
      return true;
    double bytes = node->is_number() ? *node->value<double>() : -1;
    if (node->is_string()) {
      std::string word = *node->value<std::string>();
      char *end = nullptr;
      bytes = strtod(word.c_str(), &end);
      StringRef unit = end;
      size_t power = unit.empty() ? 0 : StringRef("KMGT").find(unit[0]) + 1;
      if (end == word.c_str() || unit.size() > 1 || (!unit.empty() && power == 0))
        bytes = -1;
      else
        bytes *= std::pow(1024.0, double(power));
    }
    if (!(bytes >= 1 && bytes < 1e18))
      return fail(node, "memory is no number of bytes, as 80e9 or \"80G\"");
    value = uint64_t(bytes);
    return true;
  }

  const std::string &path;
  std::string &error;
};

} // namespace

FailureOr<Cluster> readCluster(const std::string &path, std::string &error) {
  Cluster cluster;
  if (!Reader(path, error).read(cluster))
    return failure();
  return cluster;
}

} // namespace mlir::llcc
