// Help texts: flags under headings, the rare ones behind --help=all.
#include "runtime/llrun/Help.h"
#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>

namespace llcc::rt {

static const size_t kColumn = 30, kWidth = 100;

namespace {
/// Writes `--flag=VALUE  what it does`, wrapped ("…": may be repeated). Of the rare flags only how many there are, and
/// of a description the first line, unless all is wanted.
class HelpFormatter : public CLI::Formatter {
public:
  explicit HelpFormatter(std::vector<Heading> headings) : headings(std::move(headings)) {}
  std::string make_help(const CLI::App *app, std::string name, CLI::AppFormatMode mode) const override;
  bool all = false;

private:
  std::string line(const std::string &left, const std::string &text) const;
  std::string flag(const CLI::Option *option) const;
  std::vector<Heading> headings;
};
} // namespace

// Bytes that begin a character of UTF-8: columns on the screen.
static size_t columns(const std::string &text) {
  size_t count = 0;
  for (unsigned char c : text)
    count += (c & 0xC0) != 0x80;
  return count;
}

std::string HelpFormatter::line(const std::string &left, const std::string &text) const {
  std::string out = "  " + left, word;
  size_t at = columns(out);
  auto turn = [&] {
    out += "\n" + std::string(kColumn, ' ');
    at = kColumn;
  };
  if (at + 2 > kColumn) {
    turn();
  } else {
    out += std::string(kColumn - at, ' ');
    at = kColumn;
  }
  for (std::istringstream words(text); words >> word;) {
    size_t wide = columns(word);
    if (at > kColumn && at + 1 + wide > kWidth)
      turn();
    out += (at > kColumn ? " " : "") + word;
    at += wide + (at > kColumn);
  }
  return out + "\n";
}

std::string HelpFormatter::flag(const CLI::Option *option) const {
  std::string left;
  for (const std::string &name : option->get_snames())
    left += "-" + name + ", ";
  for (const std::string &name : option->get_lnames())
    left += "--" + name;
  bool takesValue = option->get_expected_max() > 0 && option->get_type_size() != 0;
  if (takesValue) {
    std::string value = option->get_type_name();
    value = value.substr(0, value.find(':')); // a check appends what it accepts
    bool optional = option->get_expected_min() == 0;
    left += (optional ? "[=" : "=") + (value == "TEXT" ? "NAME" : value) + (optional ? "]" : "");
  }
  bool repeats = option->get_expected_max() >= CLI::detail::expected_max_vector_size;
  left += repeats ? "…" : "";
  std::string text = option->get_description();
  if (size_t more = text.find('\n'); more != std::string::npos)
    text = all ? text.replace(more, 1, "; ") : text.substr(0, more);
  if (option->get_required())
    text += " (needed)";
  return line(left, text);
}

std::string HelpFormatter::make_help(const CLI::App *app, std::string name, CLI::AppFormatMode mode) const {
  std::string out = make_description(app) + make_usage(app, name) + "\n";
  for (const CLI::Option *option : app->get_options([](const CLI::Option *o) { return o->get_positional(); }))
    out += line(option->get_type_name(), option->get_description());
  std::vector<const CLI::Option *> rest = app->get_options([](const CLI::Option *o) { return o->nonpositional(); });
  size_t hidden = 0;
  auto take = [&](const std::string &wanted) -> const CLI::Option * {
    for (size_t i = 0; i < rest.size(); ++i)
      if (rest[i]->check_name(wanted)) {
        const CLI::Option *found = rest[i];
        rest.erase(rest.begin() + i);
        return found;
      }
    return nullptr;
  };
  // What every command has goes last, behind what no heading names.
  std::vector<const CLI::Option *> last;
  for (const char *common : {"--version", "--help"})
    if (const CLI::Option *option = take(common))
      last.insert(last.begin(), option);
  for (const Heading &heading : headings) {
    std::string flags;
    for (const std::string &usual : heading.usual)
      if (const CLI::Option *option = take(usual))
        flags += flag(option);
    for (const std::string &rare : heading.rare)
      if (const CLI::Option *option = take(rare)) {
        hidden += !all;
        flags += all ? flag(option) : "";
      }
    if (!flags.empty())
      out += "\n" + heading.title + ":\n" + flags;
  }
  rest.insert(rest.end(), last.begin(), last.end());
  out += headings.empty() ? "\nFlags:\n" : "\nOther:\n";
  for (const CLI::Option *option : rest)
    out += option == app->get_help_ptr() ? line("-h, --help", "this text; --help=all says everything") : flag(option);
  out += make_subcommands(app, mode);
  if (hidden)
    out += "\n" + std::to_string(hidden) + " more flags: " + name + " --help=all\n";
  return out;
}

void setHeadings(CLI::App &app, const std::vector<Heading> &headings) {
  app.formatter(std::make_shared<HelpFormatter>(headings));
}

std::string helpText(CLI::App &app, bool all) {
  CLI::App *spoken = app.get_subcommands().empty() ? &app : app.get_subcommands().front();
  auto own = std::dynamic_pointer_cast<HelpFormatter>(spoken->get_formatter());
  if (!own)
    spoken->formatter(own = std::make_shared<HelpFormatter>(std::vector<Heading>()));
  own->all = all;
  return app.help();
}

const std::vector<Heading> &trainHeadings() {
  static const std::vector<Heading> headings = {
      {"Data and length",
       {"--data", "--label", "--eval", "--batch", "--epochs", "--steps"},
       {"--no-shuffle", "--seed", "--lr"}},
      {"Results",
       {"--save", "--metrics", "--checkpoint", "--resume", "--quiet"},
       {"--checkpoint-every", "--save-gradients", "--trace", "--export", "--activations", "--percentile", "--keep",
        "--calibration-batches", "--training-info"}},
      {"This machine", {"--threads", "--memory"}, {"--network", "--timeout", "--require-certificate"}}};
  return headings;
}

} // namespace llcc::rt
