// The .llx file: header, table, sections; hashes over the whole file and over each section, so that any changed byte is
// refused.
#define XXH_INLINE_ALL
#include "runtime/plan/Artifact.h"
#include "runtime/plan/AtomicFile.h"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

namespace llcc::rt {
namespace {

// Layout: Header | table | sections, each at a multiple of 64. The table has for each section: u32 name length, name,
// u64 offset, u64 bytes, u64 hash. All numbers little-endian.
struct Header {
  char magic[8];
  uint32_t version;
  uint32_t sections;
  uint64_t fileBytes;
  uint64_t tableBytes;
  uint64_t hash; ///< of the whole file without this field
};
static_assert(sizeof(Header) == 40, "written as it stands in memory");
constexpr size_t hashed = offsetof(Header, hash);
constexpr char magic[8] = {'l', 'l', 'c', 'c', '.', 'l', 'l', 'x'};
constexpr uint32_t version = 1;

uint64_t aligned(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

struct State {
  XXH3_state_t *state = XXH3_createState();
  State() { XXH3_64bits_reset(state); }
  ~State() { XXH3_freeState(state); }
  void add(const void *data, size_t bytes) { XXH3_64bits_update(state, data, bytes); }
  uint64_t value() const { return XXH3_64bits_digest(state); }
};

std::string hex(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

template <class T> void put(std::string &bytes, T value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
}

} // namespace

std::string writeArtifact(const std::string &path, const std::vector<Section> &sections) {
  uint64_t tableBytes = 0;
  for (const Section &section : sections)
    tableBytes += 28 + section.name.size();
  std::string table;
  uint64_t offset = aligned(sizeof(Header) + tableBytes);
  for (const Section &section : sections) {
    put(table, static_cast<uint32_t>(section.name.size()));
    table += section.name;
    put(table, offset);
    put(table, static_cast<uint64_t>(section.data().size()));
    put(table, static_cast<uint64_t>(XXH3_64bits(section.data().data(), section.data().size())));
    offset = aligned(offset + section.data().size());
  }
  Header header{};
  std::memcpy(header.magic, magic, sizeof magic);
  header.version = version;
  header.sections = static_cast<uint32_t>(sections.size());
  header.fileBytes = offset;
  header.tableBytes = tableBytes;

  static const char zeros[64] = {};
  State state;
  state.add(&header, hashed);
  auto walk = [&](auto &&visit) {
    visit(table.data(), table.size());
    uint64_t at = sizeof(Header) + tableBytes;
    visit(zeros, aligned(at) - at);
    for (const Section &section : sections) {
      visit(section.data().data(), section.data().size());
      visit(zeros, aligned(section.data().size()) - section.data().size());
    }
  };
  walk([&](const char *data, uint64_t bytes) { state.add(data, bytes); });
  header.hash = state.value();

  AtomicFile file;
  std::string error = file.open(path, header.fileBytes);
  if (error.empty())
    error = file.write(&header, sizeof header);
  walk([&](const char *data, uint64_t bytes) {
    if (error.empty())
      error = file.write(data, bytes);
  });
  return error.empty() ? file.commit() : error;
}

Artifact::~Artifact() {
  if (base)
    ::munmap(base, size);
}

std::string Artifact::open(const std::string &path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return path + ": cannot open: " + std::strerror(errno);
  struct stat info;
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return path + ": is not a regular file";
  }
  size = static_cast<size_t>(info.st_size);
  void *mapped = size >= sizeof(Header) ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
  int code = errno;
  ::close(fd);
  if (size < sizeof(Header))
    return path + ": is not an llcc artifact, it has " + std::to_string(size) + " bytes, the header alone has " +
           std::to_string(sizeof(Header));
  if (mapped == MAP_FAILED)
    return path + ": cannot map: " + std::strerror(code);
  base = mapped;
  const char *data = static_cast<const char *>(base);
  Header header;
  std::memcpy(&header, data, sizeof header);
  if (std::memcmp(header.magic, magic, sizeof magic) != 0)
    return path + ": is not an llcc artifact, it does not begin with \"llcc.llx\"";
  if (header.version != version)
    return path + ": has artifact version " + std::to_string(header.version) + ", this build reads version " +
           std::to_string(version) + "; compile the model again";
  if (header.fileBytes != size)
    return path + ": is " + (size < header.fileBytes ? "cut off" : "too long") + ", it has " + std::to_string(size) +
           " bytes, its header says " + std::to_string(header.fileBytes);

  // The table is read before the whole hash is compared, so that the damaged section can be named.
  std::string table = path + ": section table is damaged; compile the model again";
  if (header.tableBytes > size - sizeof(Header) || header.sections > header.tableBytes / 28)
    return table;
  const char *at = data + sizeof(Header), *end = at + header.tableBytes;
  auto get = [&](auto &value) {
    if (static_cast<size_t>(end - at) < sizeof value)
      return false;
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
    return true;
  };
  // Weights go to the devices' memory: what has been hashed need not stay in this process's as well.
  auto add = [this](State &state, const char *at, uint64_t bytes) {
    for (uint64_t part = 0; bytes > 0; at += part, bytes -= part) {
      part = std::min<uint64_t>(bytes, uint64_t(16) << 20);
      state.add(at, part);
      release({at, part});
    }
  };
  for (uint32_t i = 0; i < header.sections; ++i) {
    uint32_t length = 0;
    uint64_t hash = 0;
    Entry entry;
    if (!get(length) || static_cast<size_t>(end - at) < length)
      return table;
    entry.name.assign(at, length);
    at += length;
    if (!get(entry.offset) || !get(entry.bytes) || !get(hash) || entry.offset > size ||
        entry.bytes > size - entry.offset)
      return table;
    State section;
    add(section, data + entry.offset, entry.bytes);
    uint64_t found = section.value();
    if (found != hash)
      return path + ": section \"" + entry.name + "\" is damaged, its hash is " + hex(found) + ", the table says " +
             hex(hash) + "; compile the model again";
    entries.push_back(std::move(entry));
  }
  State state;
  state.add(data, hashed);
  add(state, data + sizeof(Header), size - sizeof(Header));
  if (state.value() != header.hash)
    return path + ": is damaged outside its sections, its hash is " + hex(state.value()) + ", the header says " +
           hex(header.hash) + "; compile the model again";
  identity = header.hash;
  return "";
}

std::string_view Artifact::section(std::string_view name) const {
  for (const Entry &entry : entries)
    if (entry.name == name)
      return {static_cast<const char *>(base) + entry.offset, entry.bytes};
  return {};
}

void Artifact::release(std::string_view part) const {
  constexpr uint64_t page = 4096;
  uint64_t begin = static_cast<uint64_t>(part.data() - static_cast<const char *>(base)), end = begin + part.size();
  begin = (begin + page - 1) / page * page;
  end = end / page * page;
  if (begin < end)
    ::madvise(static_cast<char *>(base) + begin, end - begin, MADV_DONTNEED); // private and never written
}

std::vector<std::string> Artifact::names() const {
  std::vector<std::string> result;
  for (const Entry &entry : entries)
    result.push_back(entry.name);
  return result;
}

} // namespace llcc::rt
