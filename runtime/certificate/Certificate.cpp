// The certificate beside an artifact.
#include "runtime/certificate/Certificate.h"
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include "runtime/plan/Meaning.h"
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace llcc::rt {

using Json = nlohmann::ordered_json;

static std::string hex(uint64_t number) {
  char text[17];
  snprintf(text, sizeof text, "%016llx", (unsigned long long)number);
  return text;
}

std::string certificatePath(const std::string &artifact) { return artifact + ".cert.json"; }

/// How much of the plan the proofs are about.
static Json numbersOf(const Plan &plan) {
  size_t instructions = 0, collectives = 0, transfers = 0, waits = 0, buffers = 0;
  for (const Program &program : plan.programs) {
    instructions += program.instrs.size();
    buffers += program.buffers.size();
    for (const Instr &instr : program.instrs) {
      collectives += instr.op >= Op::AllReduce && instr.op <= Op::RingShift;
      transfers += instr.op == Op::Send || instr.op == Op::Recv;
      waits += instr.waits.size();
    }
  }
  return {{"programs", plan.programs.size()}, {"instructions", instructions},    {"buffers", buffers},
          {"collectives", collectives},       {"sends and receives", transfers}, {"waits between streams", waits}};
}

static const std::vector<Proof> &planProofs() {
  static const std::vector<Proof> list = {
      {"every buffer lies in the arena, with the shape of the variable, input or output that it holds; every trainable "
       "variable is "
       "updated exactly once",
       "runtime/plan/VerifyBuffers"},
      {"operands, sizes and numbers fit each operation, and the sizes that each kernel's code touches",
       "runtime/plan/VerifyShapes"},
      {"no byte is read before its write or overwritten while in use, at any relative speed of the streams",
       "runtime/plan/VerifyOrder"},
      {"all members of a group meet the same collectives in the same order; sends meet receives in order, shape and "
       "type; stages "
       "cannot wait for each other in a circle",
       "runtime/plan/VerifyCollectives"},
      {"devices that hold the same piece update it alike; losses, gradients and norms are equal on all devices that "
       "show them",
       "runtime/plan/VerifyReplicas"}};
  return list;
}

void writeCertificate(const std::string &path, const std::vector<Proof> &before) {
  Artifact artifact;
  std::string error = artifact.open(path);
  std::string_view bytes = artifact.section("plan");
  Plan plan;
  if (error.empty())
    error = parse(bytes.data(), bytes.size(), plan);
  if (!error.empty())
    throw Failure{65, error};
  std::vector<std::string> violations = verify(plan);
  if (!violations.empty())
    throw Failure{70, path + ": nothing to certify: " + violations[0]};
  Json proofs = Json::array(), values, mesh;
  for (const std::vector<Proof> *list : {&before, &planProofs()})
    for (const Proof &proof : *list)
      proofs.push_back({{"holds", proof.holds}, {"by", proof.by}});
  for (auto &[what, meaning] : meaningsOf(plan))
    values[what] = {{"meaning", hex(meaning.hash)}, {"likeness", nameOf(meaning.likeness)}};
  for (size_t i = 0; i < plan.axes.size(); ++i)
    mesh[plan.axes[i]] = plan.sizes[i];
  Json certificate = {{"format", 1},
                      {"artifact", hex(artifact.hash())},
                      {"model", plan.model},
                      {"command", plan.command},
                      {"strategy", plan.strategy},
                      {"mesh", mesh},
                      {"plan", numbersOf(plan)},
                      {"proven", proofs},
                      {"values", values}};
  // What a model's names hold is not always UTF-8.
  std::string text = certificate.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  writeFile(certificatePath(path), text.data(), text.size());
}

void checkCertificate(const std::string &path, const Artifact &artifact, const Plan &plan, bool required) {
  std::string file = certificatePath(path);
  if (access(file.c_str(), F_OK) != 0) {
    if (required)
      throw Failure{77, path + ": has no certificate " + file +
                            ", --require-certificate wants one; compile with --certify"};
    return;
  }
  Json certificate = Json::parse(readFile(file), nullptr, false);
  if (!certificate.is_object() || certificate.value("format", Json()) != 1 || !certificate.contains("artifact") ||
      !certificate["artifact"].is_string() || !certificate.contains("values") || !certificate["values"].is_object())
    throw Failure{65, file + ": is not a certificate of llcc, or is damaged"};
  if (certificate["artifact"] != hex(artifact.hash()))
    throw Failure{65, file + ": certifies an artifact with the hash " + certificate["artifact"].get<std::string>() +
                          ", " + path + " has " + hex(artifact.hash()) +
                          "; compile again with --certify, or remove the certificate"};
  std::map<std::string, Meaning> certified;
  for (auto &[what, value] : certificate["values"].items())
    if (value.is_object() && value.contains("meaning") && value["meaning"].is_string())
      certified[what].hash = strtoull(value["meaning"].get<std::string>().c_str(), nullptr, 16);
  // Names went through JSON on the way in.
  std::map<std::string, Meaning> found;
  for (auto &[what, meaning] : meaningsOf(plan))
    found[Json::parse(Json(what).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>()] = meaning;
  std::string difference = differenceOf(certified, found);
  if (!difference.empty())
    throw Failure{65, file + ": does not fit " + path + ": " + difference + "; compile again with --certify"};
}

} // namespace llcc::rt
