// Training on two hosts whose link is cut. Network namespaces of this machine stand for the hosts.

#include <unistd.h>

#include <csignal>

#include "tests/apps/ranks/mpi.h"
#include "tests/apps/ranks/train_on.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

bool works(const std::vector<std::string>& words) { return run_program(words).exit_code == 0; }

/// Two hosts, named after this process, with a link of 1 Gbit/s where the kernel can limit one.
class TwoHosts {
 public:
  TwoHosts() {
    made_ = works({"ip", "netns", "add", first}) && works({"ip", "netns", "add", second}) &&
            works({"ip", "link", "add", link, "netns", first, "type", "veth", "peer", "name", link, "netns",
                   second}) &&
            set_up(first, "10.77.0.1") && set_up(second, "10.77.0.2");
    // Starts a program on one of the hosts, as ssh would.
    write_file(dir_ / "remote",
               "#!/bin/sh\nhost=" + second + "\n[ \"$1\" = 10.77.0.1 ] && host=" + first +
                   "\nshift\nexec ip netns exec $host unshare --uts sh -c \"hostname $host; $*\"\n");
    fs::permissions(dir_ / "remote", fs::perms::owner_all);
    write_file(dir_ / "hosts", "10.77.0.1 2\n10.77.0.2 2\n");
  }
  ~TwoHosts() {
    for (const std::string& host : {first, second}) run_program({"ip", "netns", "delete", host});
  }
  bool made() const { return made_; }
  void cut() const { run_program({"ip", "-n", first, "link", "set", link, "down"}); }
  void join_again() const { run_program({"ip", "-n", first, "link", "set", link, "up"}); }

  /// `hewn` with these words, begun on the first host.
  std::vector<std::string> on_first(const std::vector<std::string>& words) const {
    return with({"ip", "netns", "exec", first, "unshare", "--uts", "sh", "-c",
                 "hostname " + first + "; exec \"$0\" \"$@\"", hewn_program().string()},
                words);
  }
  std::string hosts() const { return "--hosts=" + (dir_ / "hosts").string(); }
  ProcessOptions options() const {
    ProcessOptions options;
    options.env["OMPI_MCA_plm_rsh_agent"] = (dir_ / "remote").string();
    options.env["HYDRA_LAUNCHER"] = "rsh";  // of MPICH
    options.env["HYDRA_LAUNCHER_EXEC"] = (dir_ / "remote").string();
    return options;
  }

  const std::string first = "hewn" + std::to_string(::getpid()) + "a",
                    second = "hewn" + std::to_string(::getpid()) + "b";

 private:
  bool set_up(const std::string& host, const char* address) const {
    // The limit is part of the measurement on a machine that has it, not of this test.
    run_program({"tc", "-n", host, "qdisc", "add", "dev", link, "root", "tbf", "rate", "1gbit", "burst",
                 "256kb", "latency", "50ms"});
    return works({"ip", "-n", host, "address", "add", std::string(address) + "/24", "dev", link}) &&
           works({"ip", "-n", host, "link", "set", "lo", "up"}) &&
           works({"ip", "-n", host, "link", "set", link, "up"});
  }

  const std::string link = "veth0";
  TempDir dir_;
  bool made_ = false;
};

/// Whether this test can run.
bool can_have(const TwoHosts& hosts) {
  if (!hosts.made())
    skip("two hosts: network namespaces cannot be made here (they need root, and the program ip)");
  return hosts.made();
}

// The schedule does not depend on the number of steps.
const std::vector<std::string> schedule{"--lr_decay_iters=300", "--warmup_iters=20", "--rank_timeout=5"};

}  // namespace

TEST_CASE("when the link between two hosts is cut, all ranks end, and fewer go on to the same bits",
          "[ranks]") {
  if (left_out()) return;
  const TwoHosts hosts;
  if (!can_have(hosts) || !has_mpi()) return;
  const TempDir dir;
  Process run(hosts.on_first(train_on(dir, 4, with(schedule, {hosts.hosts(), "--max_iters=1000000"}))),
              hosts.options());
  REQUIRE(run.wait_for("saved", 120));
  hosts.cut();
  const ProcessResult r = run.finish();
  INFO(r.err);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.err, "(" + hosts.second + ") has not been heard of for "));
  hosts.join_again();
  const std::string last = fs::read_symlink(dir / "run/checkpoints/last").filename().string();
  const int step = std::stoi(last.substr(last.find('-') + 1));
  for (const int ranks : {2, 1}) {
    std::vector<std::string> words =
        small_resume(dir, {"--max_iters=" + std::to_string(step + (ranks == 2 ? 20 : 40))});
    if (ranks > 1) words.push_back("--ranks=2");
    const ProcessResult next = hewn(words);
    INFO(next.err);
    CHECK(next.exit_code == 0);
  }
  const TempDir alone;
  REQUIRE(hewn(train_on(alone, 1, with(schedule, {"--max_iters=" + std::to_string(step + 40)}))).exit_code ==
          0);
  CHECK((last_bits(dir / "run") == last_bits(alone / "run")));
}

TEST_CASE("a run that loses a host goes on with the others if it may", "[ranks]") {
  if (left_out()) return;
  const TwoHosts hosts;
  if (!can_have(hosts) || !has_mpi()) return;
  const TempDir dir;
  Process run(hosts.on_first(
                  train_on(dir, 4, with(schedule, {hosts.hosts(), "--max_iters=1000000", "--restarts=1"}))),
              hosts.options());
  REQUIRE(run.wait_for("saved", 120));
  hosts.cut();
  REQUIRE(run.wait_for("resume  from", 120));
  ::kill(run.id(), SIGTERM);
  const ProcessResult r = run.finish();
  INFO(r.err);
  CHECK(r.exit_code == 143);
  CHECK(contains(r.err, "10.77.0.2 cannot be reached and is not used"));
  CHECK(contains(r.err, "restart with 2 ranks, 0 restarts left"));
}

}  // namespace hewn::test
