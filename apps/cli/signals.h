#pragma once
// Ctrl-C and termination signals, recorded so that the program can stop in order.

namespace hewn::cli {

/// From now on SIGINT and SIGTERM are recorded instead of ending the program; a second SIGINT ends it
/// immediately (130). SIGPIPE is ignored from the start of the program (writes report EPIPE); see
/// `ignore_broken_pipes`.
void catch_signals();
/// The signal that requested a stop: SIGINT, SIGTERM, or 0.
int stop_signal();
/// Resets the recorded signal after the request was handled.
void forget_signal();
/// The exit status after a signal: 128 + signal.
int stop_status();
/// Makes writing to a closed pipe an error of the write instead of ending the program by SIGPIPE.
void ignore_broken_pipes();

}  // namespace hewn::cli
