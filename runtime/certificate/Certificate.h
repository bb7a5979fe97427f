// The certificate beside an artifact: what was proven of its plan, and what each value that it gives is worth.
#ifndef LLCC_RUNTIME_CERTIFICATE_CERTIFICATE_H
#define LLCC_RUNTIME_CERTIFICATE_CERTIFICATE_H

#include "runtime/plan/Artifact.h"
#include <string>
#include <vector>

namespace llcc::rt {

/// A proof: what holds, and which code has checked it.
struct Proof {
  std::string holds, by;
};

/// MODEL.llx.cert.json.
std::string certificatePath(const std::string &artifact);

/// Proves the plan of `artifact` once more and writes the certificate: hash of the artifact, `before` (what the
/// compiler proved of the IR) and the plan's own proofs, and for each value that is seen its meaning and likeness to
/// one device (see Meaning.h). Throws Failure.
void writeCertificate(const std::string &artifact, const std::vector<Proof> &before);

/// Compares the certificate beside `path` with the opened artifact: hash, and meanings of the plan. Where there is
/// none: nothing, or Failure 77 if it is `required`. Throws Failure 65 where they differ.
void checkCertificate(const std::string &path, const Artifact &artifact, const Plan &plan, bool required);

} // namespace llcc::rt

#endif
