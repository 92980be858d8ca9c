// libhewn_mpi.so: messages between processes over MPI.

#include <mpi.h>

#include <algorithm>
#include <string>
#include <vector>

#include "train/ranks/messages.h"

namespace {

// MPI counts in int; longer messages are sent in parts.
constexpr size_t most_bytes = size_t{1} << 30;

MPI_Comm world = MPI_COMM_NULL;
std::vector<std::vector<MPI_Request>> transfers;  // by number; those that are done are empty
std::vector<int64_t> unused;                      // their numbers
std::string problem;

// What MPI says of an error; null if there is none.
const char* problem_of(int error, const char* call) {
  if (error == MPI_SUCCESS) return nullptr;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(error, text, &length);
  problem = std::string(call) + ": " + std::string(text, static_cast<size_t>(length));
  std::replace(problem.begin(), problem.end(), '\n', ' ');
  return problem.c_str();
}

std::vector<MPI_Request>& new_transfer(int64_t* number) {
  if (unused.empty()) {
    unused.push_back(static_cast<int64_t>(transfers.size()));
    transfers.emplace_back();
  }
  *number = unused.back();
  unused.pop_back();
  return transfers[static_cast<size_t>(*number)];
}

const char* open(int* rank, int* size) {
  int provided = MPI_THREAD_SINGLE;
  if (const char* failed =
          problem_of(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread"))
    return failed;
  if (provided < MPI_THREAD_FUNNELED) return "this MPI does not allow for programs with threads";
  if (const char* failed = problem_of(MPI_Comm_dup(MPI_COMM_WORLD, &world), "MPI_Comm_dup")) return failed;
  MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN);
  MPI_Comm_rank(world, rank);
  MPI_Comm_size(world, size);
  return nullptr;
}

// Starts `part(offset, n, request)` for each part of a message.
template <class Part>
const char* start(size_t n, int64_t* transfer, const char* call, const Part& part) {
  std::vector<MPI_Request>& requests = new_transfer(transfer);
  size_t offset = 0;
  do {
    const size_t now = std::min(n - offset, most_bytes);
    requests.push_back(MPI_REQUEST_NULL);
    if (const char* failed = problem_of(part(offset, static_cast<int>(now), &requests.back()), call))
      return failed;
    offset += now;
  } while (offset < n);
  return nullptr;
}

const char* send(int to, int topic, const void* bytes, size_t n, int64_t* transfer) {
  return start(n, transfer, "MPI_Isend", [&](size_t offset, int count, MPI_Request* request) {
    return MPI_Isend(static_cast<const char*>(bytes) + offset, count, MPI_BYTE, to, topic, world, request);
  });
}

const char* receive(int from, int topic, void* bytes, size_t n, int64_t* transfer) {
  return start(n, transfer, "MPI_Irecv", [&](size_t offset, int count, MPI_Request* request) {
    return MPI_Irecv(static_cast<char*>(bytes) + offset, count, MPI_BYTE, from, topic, world, request);
  });
}

const char* done(int64_t transfer, bool* is_done) {
  std::vector<MPI_Request>& requests = transfers[static_cast<size_t>(transfer)];
  int all = 0;
  if (const char* failed = problem_of(
          MPI_Testall(static_cast<int>(requests.size()), requests.data(), &all, MPI_STATUSES_IGNORE),
          "MPI_Testall"))
    return failed;
  *is_done = all != 0;
  if (*is_done) {
    requests.clear();
    unused.push_back(transfer);
  }
  return nullptr;
}

const char* close() {
  MPI_Comm_free(&world);
  return problem_of(MPI_Finalize(), "MPI_Finalize");
}

const char* library_name() {
  static char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  std::string name(text, static_cast<size_t>(length));
  name.resize(std::min(name.find_first_of(",\n"), name.size()));
  std::replace(name.begin(), name.end(), '\t', ' ');
  name.copy(text, name.size());
  text[name.size()] = '\0';
  return text;
}

}  // namespace

extern "C" const hewn::MessageLibrary* hewn_message_library() {
#ifdef OPEN_MPI
  constexpr bool hydra = false;
#else
  constexpr bool hydra = true;
#endif
  static const hewn::MessageLibrary library{.abi = hewn::MessageLibrary::current_abi,
                                            .name = library_name(),
                                            .launcher = HEWN_MPIEXEC,
                                            .hydra = hydra,
                                            .open = open,
                                            .send = send,
                                            .receive = receive,
                                            .done = done,
                                            .close = close};
  return &library;
}
