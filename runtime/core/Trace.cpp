// Writes timelines in Chrome's trace format.
#include "runtime/core/Trace.h"
#include "runtime/core/Error.h"
#include "runtime/plan/AtomicFile.h"
#include <algorithm>
#include <cstdio>

namespace llcc::rt {
namespace {

/// Node names are any bytes that a model holds: quotes and control characters are escaped, what is not UTF-8 becomes
/// '?'.
std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    auto at = [&](size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      (out += '\\') += text[i++];
    } else if (c < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", unsigned(c));
      out += code;
      ++i;
    } else if (c < 0x80) {
      out += text[i++];
    } else {
      size_t length = c >= 0xf0 && c <= 0xf4 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xc2 && c < 0xe0 ? 2 : 0;
      // The second byte rules out overlong forms, surrogates and what lies beyond Unicode.
      unsigned low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
      bool good = length != 0 && at(i + 1) >= low && at(i + 1) <= high;
      for (size_t k = 2; good && k < length; ++k)
        good = (at(i + k) & 0xc0) == 0x80;
      if (good)
        out.append(text, i, length);
      else
        out += '?';
      i += good ? length : 1;
    }
  }
  return out + '"';
}

/// `"name":…,"cat":…,…,"args":{…` of an instruction, all but what differs between steps.
std::string constantPart(const Instr &instr, size_t index, size_t device) {
  std::string name = nameOf(instr.op);
  if (!instr.node.empty())
    name = instr.node + " " + name;
  std::string text = "{\"ph\":\"X\",\"pid\":" + std::to_string(device) +
                     ",\"tid\":" + std::to_string(unsigned(instr.stream)) + ",\"name\":" + quoted(name) +
                     ",\"cat\":" + quoted(nameOf(instr.op)) + ",\"args\":{\"instruction\":" + std::to_string(index);
  if (!instr.kernel.empty())
    text += ",\"kernel\":" + quoted(instr.kernel);
  if (!instr.node.empty())
    text += ",\"node\":" + quoted(instr.node);
  return text;
}

} // namespace

void writeTrace(const std::string &path, const std::vector<Timeline> &devices, const std::vector<std::string> &names,
                Timeline::Clock::time_point origin) {
  auto need = [](const std::string &error) {
    if (!error.empty())
      throw Error{CannotCreate, error};
  };
  AtomicFile file;
  need(file.open(path, 0));
  std::string text = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
  for (size_t d = 0; d < devices.size(); ++d) {
    std::string row = ",\"pid\":" + std::to_string(d) + ",\"args\":{";
    text += "{\"ph\":\"M\",\"name\":\"process_name\"" + row + "\"name\":" + quoted(names[d]) + "}},\n";
    text += "{\"ph\":\"M\",\"name\":\"process_sort_index\"" + row + "\"sort_index\":" + std::to_string(d) + "}},\n";
    text += "{\"ph\":\"M\",\"name\":\"thread_name\",\"tid\":0" + row + "\"name\":\"compute\"}},\n";
    text += "{\"ph\":\"M\",\"name\":\"thread_name\",\"tid\":1" + row + "\"name\":\"communication\"}},\n";
    std::vector<std::string> parts;
    if (const Program *program = devices[d].program)
      for (size_t i = 0; i < program->instrs.size(); ++i)
        parts.push_back(constantPart(program->instrs[i], i, d));
    for (const Timeline::Event &event : devices[d].events) {
      char times[120];
      std::chrono::duration<double, std::micro> begin = event.begin - origin, took = event.end - event.begin;
      std::snprintf(times, sizeof times, ",\"step\":%lld},\"ts\":%.3f,\"dur\":%.3f},\n",
                    static_cast<long long>(event.step), begin.count(), took.count());
      text += parts[event.instr];
      text += times;
      if (text.size() > (size_t(1) << 20)) {
        need(file.write(text.data(), text.size()));
        text.clear();
      }
    }
  }
  // The list ends with an entry without a comma.
  text += "{\"ph\":\"M\",\"name\":\"trace_config\",\"pid\":0,\"args\":{\"writer\":\"llcc\"}}\n]}\n";
  need(file.write(text.data(), text.size()));
  need(file.commit());
}

static bool isCommunication(const Instr &instr) { return instr.op >= Op::AllReduce && instr.op <= Op::Recv; }

Overlap overlapOf(const std::vector<Timeline> &devices) {
  Overlap sum;
  double steps = 0;
  auto seconds = [](Timeline::Clock::duration time) { return std::chrono::duration<double>(time).count(); };
  for (const Timeline &device : devices) {
    const std::vector<Timeline::Event> &events = device.events;
    auto isComm = [&](const Timeline::Event &event) { return isCommunication(device.program->instrs[event.instr]); };
    for (size_t begin = 0, end; begin < events.size(); begin = end) {
      Timeline::Clock::time_point first = events[begin].begin, last = events[begin].end;
      for (end = begin; end < events.size() && events[end].step == events[begin].step; ++end)
        first = std::min(first, events[end].begin), last = std::max(last, events[end].end);
      sum.step += seconds(last - first);
      ++steps;
      for (size_t i = begin; i < end; ++i) {
        if (!isComm(events[i]))
          continue;
        sum.communication += seconds(events[i].end - events[i].begin);
        for (size_t k = begin; k < end; ++k) // none where one thread runs both streams
          if (!isComm(events[k]) && events[k].begin < events[i].end && events[i].begin < events[k].end)
            sum.hidden += seconds(std::min(events[k].end, events[i].end) - std::max(events[k].begin, events[i].begin));
      }
    }
  }
  if (steps > 0)
    for (double *value : {&sum.step, &sum.communication, &sum.hidden})
      *value /= steps;
  return sum;
}

} // namespace llcc::rt
