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

/// A place in a section that holds a parameter, or its transpose.
struct Place {
  size_t variable;
  uint64_t offset;
  bool transposed;
};

/// Places of parameters in a section, in order.
std::vector<Place> placesIn(const Plan &plan, const std::string &section) {
  std::vector<Place> list;
  for (size_t v = 0; v < plan.variables.size(); ++v) {
    const Variable &variable = plan.variables[v];
    if (variable.role != Variable::Role::Param)
      continue;
    if (variable.section == section)
      list.push_back({v, variable.offset, false});
    for (const Variable::Copy &copy : variable.copies)
      if (copy.section == section)
        list.push_back({v, copy.offset, copy.transposed});
  }
  std::sort(list.begin(), list.end(), [](const Place &a, const Place &b) { return a.offset < b.offset; });
  return list;
}

/// The number of the parameter called `name`.
size_t variableNamed(const Session &session, const std::string &name) {
  const Plan &plan = session.module.plan;
  for (size_t v = 0; v < plan.variables.size(); ++v)
    if (plan.variables[v].role == Variable::Role::Param && plan.variables[v].name == name)
      return v;
  throw Error{Data, session.module.path + ": has no parameter \"" + name + "\", which another one is merged with"};
}

/// values += scale · left · right (two-dimensional), rounded once for each element.
template <class T> void mergeInto(const Session &session, const Variable &into, std::vector<char> &values) {
  size_t l = variableNamed(session, into.mergeLeft), r = variableNamed(session, into.mergeRight);
  const Variable &left = session.module.plan.variables[l], &right = session.module.plan.variables[r];
  size_t m = size_t(left.dimsInFile()[0]), inner = size_t(left.dimsInFile()[1]), n = size_t(right.dimsInFile()[1]);
  std::vector<T> a(left.shape.elements()), b(right.shape.elements());
  session.get(l, reinterpret_cast<char *>(a.data()));
  session.get(r, reinterpret_cast<char *>(b.data()));
  T *out = reinterpret_cast<T *>(values.data());
  std::vector<double> row(n);
  for (size_t i = 0; i < m; ++i) {
    std::fill(row.begin(), row.end(), 0.0);
    for (size_t k = 0; k < inner; ++k)
      for (size_t j = 0; j < n; ++j)
        row[j] += double(a[i * inner + k]) * double(b[k * n + j]);
    for (size_t j = 0; j < n; ++j) {
      T &element = into.mergeTransposed ? out[j * m + i] : out[i * n + j];
      element = T(double(element) + into.mergeScale * row[j]);
    }
  }
}

/// The bytes that a model gets for a parameter, in the type that it has there.
void saved(const Session &session, size_t v, bool transposed, bool merge, std::vector<char> &values) {
  const Variable &variable = session.module.plan.variables[v];
  if (!session.isRoot()) { // takes part where rank 0 asks for the same
    session.get(v, nullptr);
    if (merge && !variable.mergeLeft.empty()) {
      session.get(variableNamed(session, variable.mergeLeft), nullptr);
      session.get(variableNamed(session, variable.mergeRight), nullptr);
    }
    return values.clear();
  }
  values.resize(variable.shape.bytes());
  session.get(v, values.data());
  if (merge && !variable.mergeLeft.empty()) {
    if (variable.shape.type == DType::F64)
      mergeInto<double>(session, variable, values);
    else
      mergeInto<float>(session, variable, values);
  }
  if (transposed) {
    size_t width = sizeOf(variable.shape.type), rows = size_t(variable.dimsInFile()[0]),
           columns = size_t(variable.dimsInFile()[1]);
    std::vector<char> turned(values.size());
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < columns; ++j)
        std::memcpy(turned.data() + (j * rows + i) * width, values.data() + (i * columns + j) * width, width);
    values.swap(turned);
  }
  if (variable.stored == variable.shape.type)
    return;
  std::vector<char> stored(variable.storedBytes());
  narrow(variable.stored, reinterpret_cast<const float *>(values.data()), stored.data(), variable.shape.elements());
  values.swap(stored);
}

/// Writes a section with the parameters in it replaced, without holding it in memory a second time.
void writeSection(const Session &session, const std::string &section, const std::string &path) {
  const Plan &plan = session.module.plan;
  std::string_view bytes = session.module.artifact.section(section);
  std::vector<char> values;
  if (!session.isRoot()) {
    for (const Place &place : placesIn(plan, section))
      saved(session, place.variable, place.transposed, /*merge=*/true, values);
    return;
  }
  AtomicFile file;
  need(file.open(path, bytes.size()));
  uint64_t at = 0;
  for (const Place &place : placesIn(plan, section)) {
    saved(session, place.variable, place.transposed, /*merge=*/true, values);
    if (place.offset < at || place.offset > bytes.size() || values.size() > bytes.size() - place.offset)
      throw Error{Data, session.module.path + ": parameters overlap in section \"" + section + "\" at byte " +
                            std::to_string(place.offset)};
    need(file.write(bytes.data() + at, place.offset - at));
    need(file.write(values.data(), values.size()));
    at = place.offset + values.size();
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
    std::vector<char> values;
    for (const Place &place : placesIn(plan, name)) {
      saved(session, place.variable, place.transposed, /*merge=*/false, values);
      if (!session.isRoot())
        continue;
      if (place.offset > sections.back().bytes.size() || values.size() > sections.back().bytes.size() - place.offset)
        throw Error{Data, session.module.path + ": a parameter leaves section \"" + name + "\""};
      std::memcpy(sections.back().bytes.data() + place.offset, values.data(), values.size());
    }
  }
  if (session.isRoot())
    need(writeArtifact(path, sections));
}

} // namespace

void save(const Session &session, const std::string &path) {
  session.checkSound();
  for (const Variable &variable : session.module.plan.variables)
    if (variable.role == Variable::Role::Param && variable.section.empty())
      throw Error{Usage, session.module.path + ": is compiled with --no-weights, so " + path +
                             " has no place for parameter \"" + variable.name +
                             "\"; save a .safetensors file, or compile without --no-weights"};
  if (endsWith(path, ".llx"))
    return saveArtifact(session, path);
  if (!session.module.artifact.section("model.onnx").data())
    throw Error{Data, session.module.path + ": has no section \"model.onnx\", so no model can be written"};
  // External data first: the model appears when everything that it names is there.
  const std::string prefix = "file:";
  for (const std::string &name : session.module.artifact.names())
    if (name.compare(0, prefix.size(), prefix) == 0) {
      std::string target = session.isRoot() ? placeBeside(path, name.substr(prefix.size())) : "";
      if (target == path)
        throw Error{CannotCreate, path + ": the model's external data has this name, choose another"};
      writeSection(session, name, target);
    }
  writeSection(session, "model.onnx", path);
}

} // namespace llcc::rt
