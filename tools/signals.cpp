#include "tools/signals.h"

#include <csignal>

#include "framework/weights/temporary_file.h"
#include "tools/progress.h"

namespace upconv::tools {
namespace {

/// Calls nothing that a signal's handler must not. The signal is raised again for what it does by itself, so that the
/// parent sees what ended the process.
extern "C" void end(int signal) {
  internal::unlink_temporary_files();
  Progress::erase();
  ::raise(signal);
}

}  // namespace

void handle_signals() {
  constexpr int ending[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction action = {};
  action.sa_handler = end;
  action.sa_flags = SA_RESETHAND;
  sigemptyset(&action.sa_mask);
  for (int signal : ending) sigaddset(&action.sa_mask, signal);
  for (int signal : ending) {
    struct sigaction before = {};
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
      ::sigaction(signal, &action, nullptr);
  }
  std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace upconv::tools
