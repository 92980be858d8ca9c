#include "apps/run/ranks/local_ranks.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "apps/cli/settings.h"
#include "core/error.h"
#include "core/io/socket.h"
#include "train/ranks/sockets/socket_messages.h"

namespace hewn::cli {
namespace {

// A rank's descriptors of the sockets to all ranks, by rank: "5,-1,7,8" is rank 1, which has none to itself.
constexpr const char* variable = "HEWN_RANK_SOCKETS";

// The sockets to ranks that have not started are open here, and there are the more the more ranks have.
void allow_descriptors(rlim_t ranks) {
  const rlim_t needed = ranks * ranks / 4 + ranks + 64;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return;
  limit.rlim_cur = std::min(needed, limit.rlim_max);
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// With another number than standard input and outputs have, which may be closed.
Socket beyond_standard(Socket socket) {
  return socket.get() > 2 ? std::move(socket) : Socket(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));
}

bool is_local_socket(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

}  // namespace

std::vector<std::unique_ptr<Child>> start_local_ranks(const std::vector<std::string>& words, int64_t ranks,
                                                      const std::string& out) {
  const auto n = static_cast<size_t>(ranks);
  allow_descriptors(n);
  std::vector<std::vector<Socket>> sockets(n);  // of ranks that have not started, by the other rank
  for (auto& row : sockets) row.resize(n);
  std::vector<std::unique_ptr<Child>> started;
  for (size_t rank = 0; rank < n; ++rank) {
    for (size_t other = rank + 1; other < n; ++other) {
      auto [mine, theirs] = connected_sockets();
      sockets[rank][other] = beyond_standard(std::move(mine));
      sockets[other][rank] = beyond_standard(std::move(theirs));
    }
    ChildOptions options{.out = rank == 0 ? out : "/dev/null", .path = own_program()};
    std::string list;
    for (const Socket& socket : sockets[rank]) {
      list += join(list.empty() ? "" : ",", socket.get());
      if (socket.is_open()) options.inherits.push_back(socket.get());
    }
    std::vector<std::string> environment = cli::environment();
    if (n > 1) environment.push_back(join(variable, "=", list));
    started.push_back(std::make_unique<Child>(words, std::move(environment), options));
    sockets[rank].clear();
  }
  return started;
}

bool is_local_rank() {
  static const bool named = std::getenv(variable) != nullptr;  // before connect_local_rank
  return named;
}

std::unique_ptr<Messages> connect_local_rank() {
  const char* const found = std::getenv(variable);
  const std::string list = found ? found : "";
  const auto check = [&](bool right) {
    require(right, variable, "=", list,
            " in the environment does not name sockets of this process; unset it");
  };
  std::vector<Socket> sockets;
  int rank = -1;
  for (const std::string& word : split(list, ',')) {
    int64_t fd = -1;
    check(parse_integer(word, fd) && (fd == -1 ? rank < 0 : fd > 2 && fd <= INT_MAX));
    if (fd == -1) rank = static_cast<int>(sockets.size());
    sockets.emplace_back(static_cast<int>(fd));
    check(fd == -1 || is_local_socket(sockets.back().get()));
  }
  check(rank >= 0 && sockets.size() > 1);
  // Programs that this one starts are no ranks.
  for (const Socket& socket : sockets) ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  ::unsetenv(variable);
  // Lets the ranks read each other's memory (`Link`) where the system allows that to relatives only.
  (void)::prctl(PR_SET_PTRACER, ::getppid(), 0, 0, 0);
  return std::make_unique<SocketMessages>(rank, std::move(sockets));
}

}  // namespace hewn::cli
