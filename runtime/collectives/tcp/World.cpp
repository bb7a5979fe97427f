// The processes that run one plan together.
//
// Who is to blame: a rank that waits for another says so in its pulse. When this rank has waited for long it follows
// that chain: whoever stands at its end, in a step, at the same instruction and waiting for nobody, is what all wait
// for. A rank outside a step (reading data, evaluating, writing a checkpoint) may take its time as long as its pulse
// goes on.
#include "runtime/collectives/tcp/World.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>

namespace llcc::rt {
namespace {

constexpr uint32_t kFrame = 0x4c4c4d31; // "LLM1"
enum Kind : uint32_t { Data_ = 1, Pulse_, Fail_, Bye_, Stop_ };

} // namespace

World::World(std::vector<Member> members, uint32_t rank, Patience patience, std::unique_ptr<Wire> given)
    : self(rank), patience(patience), wire(std::move(given)) {
  for (uint32_t r = 0; r < members.size(); ++r) {
    auto peer = std::make_unique<Peer>();
    peer->name = nameOf(r, members[r]);
    peer->host = members[r].host;
    peer->socket = std::move(members[r].socket);
    peer->open = static_cast<bool>(peer->socket);
    peer->heard = peer->moved = Clock::now();
    if (peer->socket)
      peer->socket.prepare();
    peers.push_back(std::move(peer));
  }
  thread = std::thread([this] { serve(); });
}

World::~World() {
  leaving.store(true);
  thread.join();
}

uint32_t World::neighbours() const {
  return static_cast<uint32_t>(
      std::count_if(peers.begin(), peers.end(), [&](const auto &peer) { return peer->host == peers[self]->host; }));
}

Error World::failure() const {
  std::lock_guard<std::mutex> lock(mutex);
  return first;
}

void World::raise(const Error &error) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (isFailed.load())
      return;
    first = error;
    isFailed.store(true, std::memory_order_release);
  }
  change.notify_all();
  std::lock_guard<std::mutex> lock(hooks);
  for (const auto *call : {&hook, &exitHook})
    if (*call)
      (*call)(error);
}

void World::onFailure(std::function<void(const Error &)> next) {
  std::lock_guard<std::mutex> lock(hooks);
  hook = std::move(next);
  if (hook && failed())
    hook(failure());
}

void World::onFailureExit(std::function<void(const Error &)> next) {
  std::lock_guard<std::mutex> lock(hooks);
  exitHook = std::move(next);
}

void World::observe(std::function<uint32_t()> at, std::function<std::string(uint32_t, uint32_t)> name) {
  std::lock_guard<std::mutex> lock(hooks);
  where = std::move(at);
  describe = std::move(name);
}

void World::working(int64_t number, bool begins) {
  step.store(number);
  inStep.store(begins);
}

/// Writes one frame. `patient`: waits until the peer takes it; else gives up at once if the connection is busy.
bool World::frame(Peer &peer, uint32_t kind, uint32_t lane, const void *data, uint64_t bytes, bool patient) {
  std::unique_lock<std::mutex> lock(peer.writing, std::defer_lock);
  if (patient)
    lock.lock();
  else if (!lock.try_lock() || !peer.socket.ready(POLLOUT, Clock::now()))
    return false;
  if (peer.broken || !peer.socket)
    return false;
  Header header{kFrame, kind, lane, 0, bytes};
  auto all = [&](const void *from, size_t size) {
    for (size_t done = 0; done < size;) {
      ssize_t n = ::send(peer.socket.number(), static_cast<const char *>(from) + done, size - done,
                         MSG_DONTWAIT | MSG_NOSIGNAL | (from == &header && bytes ? MSG_MORE : 0));
      if (n > 0)
        done += static_cast<size_t>(n);
      else if (errno == EAGAIN || errno == EINTR) {
        // A failure frame still has to go out when the world has failed.
        if (kind != Fail_ && failed())
          return false;
        if (!peer.socket.ready(POLLOUT, Clock::now() + std::chrono::milliseconds(100)) && kind == Fail_)
          return false;
      } else
        return false; // the reading thread sees why
    }
    return true;
  };
  peer.broken = !all(&header, sizeof header) || !all(data, bytes);
  return !peer.broken;
}

void World::send(uint32_t to, uint32_t lane, const void *data, uint64_t bytes) {
  if (failed())
    throw failure();
  if (wire && lane >= kFirstOfPlan)
    return wire->send(to, lane, data, bytes);
  if (frame(*peers[to], Data_, lane, data, bytes, true))
    return;
  // The connection broke: the reading thread says which failure this is.
  std::unique_lock<std::mutex> lock(mutex);
  change.wait_for(lock, patience.silence, [&] { return failed(); });
  if (failed())
    throw first;
  throw Error{Unavailable, peers[to]->name + " takes no more messages"};
}

std::vector<char> World::take(uint32_t from, uint32_t lane, uint64_t bytes) {
  std::vector<char> message;
  if (wire && lane >= kFirstOfPlan) {
    for (int turn = 0; !wire->take(from, lane, message); ++turn) {
      waitsFor.store(static_cast<int32_t>(from));
      if (failed())
        throw failure();
      if (turn > 200) // others need the core
        std::this_thread::sleep_for(std::chrono::microseconds(turn < 2000 ? 20 : 200));
      else
        std::this_thread::yield();
    }
    waitsFor.store(-1);
  } else {
    Peer &peer = *peers[from];
    std::unique_lock<std::mutex> lock(mutex);
    std::deque<std::vector<char>> &queue = peer.queues[lane];
    if (queue.empty() && !failed()) {
      waitsFor.store(static_cast<int32_t>(from));
      change.wait(lock, [&] { return !queue.empty() || failed() || peer.left; });
      waitsFor.store(-1);
    }
    if (failed())
      throw first;
    if (queue.empty())
      throw Error{Software, peer.name + " has ended while " + peers[self]->name + " waits for a message from it"};
    message = std::move(queue.front());
    queue.pop_front();
    transit -= message.size();
  }
  if (bytes != kAny && message.size() != bytes)
    throw Error{Software, peers[self]->name + " received " + std::to_string(message.size()) + " bytes from " +
                              peers[from]->name + ", the plan says " + std::to_string(bytes)};
  return message;
}

void World::receive(uint32_t from, uint32_t lane, void *data, uint64_t bytes) {
  std::vector<char> message = take(from, lane, bytes);
  std::memcpy(data, message.data(), bytes);
  recycle(std::move(message));
}

void World::recycle(std::vector<char> &&message) {
  std::lock_guard<std::mutex> lock(mutex);
  if (spare.size() < 2 * peers.size())
    spare.push_back(std::move(message));
}

void World::requestStop(int reason) {
  int none = 0;
  if (self == 0)
    stop.compare_exchange_strong(none, reason);
  else
    frame(*peers[0], Stop_, static_cast<uint32_t>(reason), nullptr, 0, true);
}

void World::agree(const std::string &facts) {
  auto linesOf = [](const std::string &text) {
    std::map<std::string, std::string> lines;
    for (size_t at = 0; at < text.size();) {
      size_t end = std::min(text.find('\n', at), text.size()), equal = std::min(text.find('=', at), end);
      lines[text.substr(at, equal - at)] = text.substr(std::min(equal + 1, end), end - std::min(equal + 1, end));
      at = end + 1;
    }
    return lines;
  };
  std::string verdict;
  if (self != 0) {
    send(0, kFacts, facts.data(), facts.size());
    std::vector<char> answer = take(0, kFacts, kAny);
    verdict.assign(answer.begin(), answer.end());
  } else {
    auto mine = linesOf(facts);
    for (uint32_t r = 1; r < size(); ++r) {
      std::vector<char> answer = take(r, kFacts, kAny);
      auto theirs = linesOf(std::string(answer.begin(), answer.end()));
      std::string here, there;
      auto add = [](std::string &list, const std::string &key, const std::map<std::string, std::string> &lines) {
        auto found = lines.find(key);
        list += (list.empty() ? "" : ", ") + (found == lines.end() ? "no " + key : key + " " + found->second);
      };
      auto keys = mine;
      keys.insert(theirs.begin(), theirs.end());
      for (auto &[key, value] : keys) {
        auto a = mine.find(key), b = theirs.find(key);
        if (a == mine.end() || b == theirs.end() || a->second != b->second) {
          add(here, key, mine);
          add(there, key, theirs);
        }
      }
      if (!here.empty() && verdict.empty())
        verdict = "ranks differ: " + name(0) + " has " + here + "; " + name(r) + " has " + there +
                  "; start all ranks with the same files and flags";
    }
    for (uint32_t r = 1; r < size(); ++r)
      send(r, kFacts, verdict.data(), verdict.size());
  }
  if (verdict.empty())
    return;
  raise({Config, verdict}); // on every rank in the same words: nobody's own failure
  throw Error{Config, verdict};
}

void World::leave(int code, const std::string &text) {
  if (code != 0) {
    std::string message(reinterpret_cast<const char *>(&code), sizeof code);
    // What came from another rank is told in the same words; what began here gets a name.
    bool own = !failed();
    message += own ? name(self) + " failed: " + text : failure().text;
    if (own)
      raise({code, text});
    for (auto &peer : peers)
      if (peer->socket)
        frame(*peer, Fail_, 0, message.data(), message.size(), true);
    // Reading goes on until the others have closed: closing with something unread would take back what was said.
    for (auto &peer : peers)
      if (peer->socket)
        ::shutdown(peer->socket.number(), SHUT_WR);
    std::unique_lock<std::mutex> lock(mutex);
    change.wait_for(lock, std::chrono::milliseconds(700), [&] {
      return std::all_of(peers.begin(), peers.end(), [](const auto &peer) { return peer->left || !peer->socket; });
    });
    return;
  }
  for (auto &peer : peers)
    if (peer->socket)
      frame(*peer, Bye_, 0, nullptr, 0, true);
  {
    std::unique_lock<std::mutex> lock(mutex);
    auto all = [&] {
      for (auto &peer : peers)
        if (peer->socket && !peer->left)
          return false;
      return true;
    };
    change.wait(lock, [&] { return failed() || all(); });
    if (failed())
      throw first;
  }
  if (wire)
    wire->finish();
}

void World::serve() {
  auto interval = std::clamp<std::chrono::milliseconds>(patience.silence / 8, std::chrono::milliseconds(20),
                                                        std::chrono::milliseconds(1000));
  Clock::time_point next = Clock::now();
  while (!leaving.load()) {
    std::vector<pollfd> waiting;
    std::vector<uint32_t> ranks;
    for (uint32_t r = 0; r < peers.size(); ++r)
      if (peers[r]->open) {
        waiting.push_back({peers[r]->socket.number(), POLLIN, 0});
        ranks.push_back(r);
      }
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - Clock::now()).count();
    ::poll(waiting.data(), waiting.size(), static_cast<int>(std::clamp<int64_t>(left, 0, 100)));
    for (size_t i = 0; i < waiting.size(); ++i)
      if (waiting[i].revents)
        try {
          hear(*peers[ranks[i]], ranks[i]);
        } catch (const std::bad_alloc &) {
          peers[ranks[i]]->open = false;
          raise({Unavailable, peers[self]->name + " has no memory left for a message of " +
                                  std::to_string(peers[ranks[i]]->header.bytes) + " bytes from " +
                                  peers[ranks[i]]->name});
        }
    if (Clock::now() < next)
      continue;
    // Had this process itself not run for long (stopped, or the machine slept), the others' silence says nothing.
    bool late = Clock::now() - next > patience.silence / 2;
    next = Clock::now() + interval;
    beat();
    if (late)
      for (auto &peer : peers)
        peer->heard = peer->moved = Clock::now();
    watchOthers();
  }
}

void World::hear(Peer &peer, uint32_t r) {
  // Bounded, so that one busy connection does not keep the others from being heard.
  for (int turns = 0; turns < 64; ++turns) {
    bool inHeader = peer.have < sizeof(Header);
    char *to =
        inHeader ? reinterpret_cast<char *>(&peer.header) + peer.have : peer.body.data() + (peer.have - sizeof(Header));
    size_t want = inHeader ? sizeof(Header) - peer.have : sizeof(Header) + peer.body.size() - peer.have;
    ssize_t n = ::recv(peer.socket.number(), to, want, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (n <= 0) {
      peer.open = false;
      if (!peer.bye)
        raise({Unavailable, peer.name + " is gone: its process has ended without a word (" +
                                (n < 0 ? std::strerror(errno) : "connection closed") + ")"});
      {
        std::lock_guard<std::mutex> lock(mutex);
        peer.left = true;
      }
      change.notify_all();
      return;
    }
    peer.heard = Clock::now();
    peer.have += static_cast<size_t>(n);
    if (peer.have == sizeof(Header)) {
      if (peer.header.magic != kFrame || peer.header.bytes >> 40) {
        peer.open = false;
        return raise({Software, peer.name + " sent what is no message"});
      }
      bool reuse = false;
      {
        std::lock_guard<std::mutex> lock(mutex);
        if ((reuse = !spare.empty())) {
          peer.body = std::move(spare.back());
          spare.pop_back();
        }
      }
      if (!reuse)
        peer.body = {};
      peer.body.resize(peer.header.bytes);
    }
    if (peer.have >= sizeof(Header) && peer.have == sizeof(Header) + peer.body.size()) {
      peer.have = 0;
      accept(peer, r);
    }
  }
}

void World::accept(Peer &peer, uint32_t r) {
  switch (peer.header.kind) {
  case Data_: {
    uint64_t now = transit += peer.body.size();
    if (now > mostTransit.load())
      mostTransit.store(now);
    {
      std::lock_guard<std::mutex> lock(mutex);
      peer.queues[peer.header.lane].push_back(std::move(peer.body));
    }
    peer.body = {};
    change.notify_all();
    return;
  }
  case Pulse_:
    if (peer.body.size() == sizeof(Pulse)) {
      Pulse pulse;
      std::memcpy(&pulse, peer.body.data(), sizeof pulse);
      if (std::memcmp(&pulse, &peer.pulse, sizeof pulse) != 0)
        peer.moved = Clock::now();
      peer.pulse = pulse;
    }
    return;
  case Fail_:
    if (peer.body.size() >= sizeof(int)) {
      int code;
      std::memcpy(&code, peer.body.data(), sizeof code);
      peer.bye = true; // what follows is no news
      raise({code, std::string(peer.body.begin() + sizeof code, peer.body.end())});
    }
    return;
  case Bye_: {
    peer.bye = true;
    std::lock_guard<std::mutex> lock(mutex);
    peer.left = true;
    change.notify_all();
    return;
  }
  case Stop_: {
    int none = 0;
    stop.compare_exchange_strong(none, static_cast<int>(peer.header.lane));
    return;
  }
  default:
    return raise({Software, peer.name + " sent a message of unknown kind"});
  }
}

void World::beat() {
  Pulse pulse{};
  pulse.step = step.load();
  pulse.inStep = inStep.load();
  pulse.waitsFor = waitsFor.load();
  {
    std::lock_guard<std::mutex> lock(hooks);
    pulse.instr = where ? where() : 0;
  }
  if (std::memcmp(&pulse, &peers[self]->pulse, sizeof pulse) != 0)
    peers[self]->moved = Clock::now();
  peers[self]->pulse = pulse;
  for (auto &peer : peers)
    if (peer->open && !peer->bye)
      frame(*peer, Pulse_, 0, &pulse, sizeof pulse, false);
}

void World::watchOthers() {
  auto now = Clock::now();
  auto seconds = [](std::chrono::milliseconds time) {
    std::string text = std::to_string(time.count() / 1000) + "." + std::to_string(time.count() % 1000 / 100);
    return text + " s";
  };
  for (auto &peer : peers)
    if (peer->open && !peer->bye && now - peer->heard > patience.silence)
      return raise({Unavailable, peer->name + " is gone: no sign of life for " + seconds(patience.silence) +
                                     ", it is stopped or cut off from the network"});
  int32_t at = peers[self]->pulse.waitsFor;
  if (at < 0)
    return;
  std::vector<bool> seen(peers.size(), false);
  Clock::time_point latest{};
  while (true) {
    const Peer &peer = *peers[static_cast<size_t>(at)];
    latest = std::max(latest, peer.moved);
    int32_t next = peer.pulse.waitsFor;
    bool circle = seen[static_cast<size_t>(at)];
    if (!circle && next >= 0 && static_cast<size_t>(next) < peers.size()) {
      seen[static_cast<size_t>(at)] = true;
      at = next;
      continue;
    }
    if (now - std::max(latest, peers[self]->moved) < patience.standing || (!circle && !peer.pulse.inStep))
      return;
    std::string text = "step " + std::to_string(peer.pulse.step) + ": " + peer.name + " has stood still for " +
                       seconds(patience.standing);
    {
      std::lock_guard<std::mutex> lock(hooks);
      if (describe)
        text += " at " + describe(static_cast<uint32_t>(at), peer.pulse.instr);
    }
    return raise(
        {Unavailable, text + (circle ? "; ranks wait for each other in a circle" : "; all others wait for it")});
  }
}

} // namespace llcc::rt
