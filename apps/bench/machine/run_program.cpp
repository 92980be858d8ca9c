#include "apps/bench/machine/run_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/io/descriptor.h"

namespace hewn::cli {

std::string output_of(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail(ErrorCode::failed, "cannot create a pipe: ", std::strerror(errno));
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t child = 0;
  const int problem = posix_spawnp(&child, words[0], &files, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  close(ends[1]);
  std::string output;
  char block[1 << 14];
  for (ssize_t n = 0; problem == 0 && (n = retried(::read, ends[0], block, sizeof block)) > 0;)
    output.append(block, static_cast<size_t>(n));
  close(ends[0]);
  if (problem != 0) fail(ErrorCode::failed, command[0], " cannot be started: ", std::strerror(problem));
  int status = 0;
  (void)retried(::waitpid, child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail(ErrorCode::failed, command[0], " failed");
  return output;
}

}  // namespace hewn::cli
