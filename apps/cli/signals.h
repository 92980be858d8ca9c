#pragma once
// Ctrl-C, termination and a lost connection, recorded so that the program can stop in order.

namespace hewn::cli {

/// From now on SIGINT, SIGTERM and SIGHUP are recorded instead of ending the program; a second SIGINT ends it
/// immediately (130). Those that are ignored stay ignored: SIGHUP under `nohup`, SIGINT in a background job.
void catch_signals();
/// Also records SIGUSR1, as SIGINT: launchers forward it to all ranks, whereas other signals make them kill
/// the ranks.
void catch_stop_of_ranks();
/// The signal that requested a stop: SIGINT, SIGTERM, SIGHUP, or 0.
int stop_signal();
/// Records a signal that another process of the same run has received.
void note_signal(int signal);
/// Resets the recorded signal after the request was handled.
void forget_signal();
/// The exit status after a signal: 128 + signal.
int stop_status();
/// Makes writing to a closed pipe (SIGPIPE) and beyond the limit on file sizes (SIGXFSZ) errors of the write, EPIPE and
/// EFBIG, instead of ending the program.
void ignore_write_signals();

}  // namespace hewn::cli
