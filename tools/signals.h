#pragma once

namespace upconv::tools {

/// SIGINT, SIGTERM and SIGHUP end the process as they always do, but no unfinished file stays, nor a progress bar. What
/// the caller ignores, as nohup does, stays ignored. A file that grows beyond the limit (ulimit -f) is an error that
/// says so, as a full disk is.
void handle_signals();

}  // namespace upconv::tools
