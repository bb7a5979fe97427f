// Writes a session's weights into the user's model, or into the artifact.
#include "runtime/core/Save.h"
#include "runtime/plan/AtomicFile.h"
#include "runtime/plan/Half.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>

namespace llcc::rt {
namespace {

void need(const std::string &error) {
  if (!error.empty())
    throw Error{CannotCreate, error};
}

/// Parameters whose bytes are in a section, by place.
std::vector<size_t> parametersIn(const Plan &plan, const std::string &section) {
  std::vector<size_t> list;
  for (size_t v = 0; v < plan.variables.size(); ++v)
    if (plan.variables[v].role == Variable::Role::Param && plan.variables[v].section == section)
      list.push_back(v);
  std::sort(list.begin(), list.end(),
            [&](size_t a, size_t b) { return plan.variables[a].offset < plan.variables[b].offset; });
  return list;
}

/// The values of parameter `v` as its section holds them.
void storedValues(const Session &session, size_t v, char *to) {
  const Variable &variable = session.module.plan.variables[v];
  if (variable.stored == variable.shape.type)
    return session.get(v, to);
  std::vector<float> master(variable.shape.elements());
  session.get(v, reinterpret_cast<char *>(master.data()));
  narrow(variable.stored, master.data(), to, master.size());
}

/// Writes a section with the parameters in it replaced, without holding it in memory a second time.
void writeSection(const Session &session, const std::string &section, const std::string &path) {
  const Plan &plan = session.module.plan;
  std::string_view bytes = session.module.artifact.section(section);
  AtomicFile file;
  need(file.open(path, bytes.size()));
  uint64_t at = 0;
  std::vector<char> values;
  for (size_t v : parametersIn(plan, section)) {
    const Variable &variable = plan.variables[v];
    if (variable.offset < at)
      throw Error{Data, session.module.path + ": parameters overlap in section \"" + section + "\" at byte " +
                            std::to_string(variable.offset)};
    need(file.write(bytes.data() + at, variable.offset - at));
    values.resize(variable.storedBytes());
    storedValues(session, v, values.data());
    need(file.write(values.data(), values.size()));
    at = variable.offset + values.size();
  }
  need(file.write(bytes.data() + at, bytes.size() - at));
  need(file.commit());
}

bool endsWith(const std::string &text, const std::string &end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The path of external data `name` beside `path`: never outside its folder. Makes folders on the way.
std::string placeBeside(const std::string &path, const std::string &name) {
  bool safe =
      !name.empty() && name[0] != '/' && name.find('\0') == std::string::npos && name.find('\\') == std::string::npos;
  for (size_t at = 0; safe && at <= name.size();) {
    size_t end = std::min(name.find('/', at), name.size());
    std::string part = name.substr(at, end - at);
    safe = !part.empty() && part != "." && part != "..";
    at = end + 1;
  }
  if (!safe)
    throw Error{Data, path + ": external data is named \"" + name + "\", which leaves the folder of the model"};
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1), target = folder + name;
  for (size_t at = folder.size(); (at = target.find('/', at)) != std::string::npos; ++at) {
    std::string parent = target.substr(0, at);
    struct stat info;
    if (::lstat(parent.c_str(), &info) == 0) {
      if (!S_ISDIR(info.st_mode)) // a link could lead outside
        throw Error{CannotCreate, parent + ": is not a folder, external data \"" + name + "\" needs one there"};
    } else if (::mkdir(parent.c_str(), 0777) != 0) {
      throw Error{CannotCreate, parent + ": cannot create: " + std::strerror(errno)};
    }
  }
  return target;
}

void saveArtifact(const Session &session, const std::string &path) {
  const Plan &plan = session.module.plan;
  std::vector<Section> sections;
  for (const std::string &name : session.module.artifact.names()) {
    sections.push_back({name, std::string(session.module.artifact.section(name))});
    for (size_t v : parametersIn(plan, name))
      storedValues(session, v, sections.back().bytes.data() + plan.variables[v].offset);
  }
  need(writeArtifact(path, sections));
}

} // namespace

void save(const Session &session, const std::string &path) {
  session.checkSound();
  if (endsWith(path, ".llx"))
    return saveArtifact(session, path);
  if (!session.module.artifact.section("model.onnx").data())
    throw Error{Data, session.module.path + ": has no section \"model.onnx\", so no model can be written"};
  // External data first: the model appears when everything that it names is there.
  const std::string prefix = "file:";
  for (const std::string &name : session.module.artifact.names())
    if (name.compare(0, prefix.size(), prefix) == 0) {
      std::string target = placeBeside(path, name.substr(prefix.size()));
      if (target == path)
        throw Error{CannotCreate, path + ": the model's external data has this name, choose another"};
      writeSection(session, name, target);
    }
  writeSection(session, "model.onnx", path);
}

} // namespace llcc::rt
