#pragma once
// Ctrl-C and termination: asked for, not suffered.

namespace hewn::cli {

/// From now on SIGINT and SIGTERM are remembered instead of ending the program; a second SIGINT ends it at
/// once (130). SIGPIPE is ignored from the start of the program (writes report EPIPE); see
/// `ignore_broken_pipes`.
void catch_signals();
/// The signal that asked to stop: SIGINT, SIGTERM, or 0.
int stop_signal();
/// What was asked was done; from now on it is as if no signal had come.
void forget_signal();
/// The exit status that says so: 128 + signal.
int stop_status();
/// A reader that went away is an error of the write, not a death by SIGPIPE.
void ignore_broken_pipes();

}  // namespace hewn::cli
