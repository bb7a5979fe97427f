// Help texts: flags under headings, the rare ones behind --help=all.
#ifndef LLCC_RUNTIME_LLRUN_HELP_H
#define LLCC_RUNTIME_LLRUN_HELP_H

#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace llcc::rt {

/// One heading and its flags, in the order in which they are shown. Flags of `rare` are shown by --help=all alone.
/// A table may name flags that a command lacks; a flag that no table names stands under "Other".
struct Heading {
  std::string title;
  std::vector<std::string> usual, rare;
};

/// Headings of the flags of addTrainFlags.
const std::vector<Heading> &trainHeadings();

/// Orders the help text of `app` by `headings`, and with `all` shows rare flags as well.
void setHeadings(CLI::App &app, const std::vector<Heading> &headings);

/// The help text of `app`, or of the subcommand that was given; at most 100 columns wide.
std::string helpText(CLI::App &app, bool all);

} // namespace llcc::rt

#endif
