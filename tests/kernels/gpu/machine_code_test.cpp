// The machine code that nvcc made of the kernels, for what no test on a host can see: that nothing is in
// local memory, that Hopper's kernels use Hopper's instructions, that the loops of attention are short.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "tests/kernels/gpu/machine_code.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"

namespace hewn {
namespace {

using test::MachineCode;

/// The most instructions of a loop of attention, without those of the loops inside it.
constexpr int most_in_loop = 1000;

/// Only tests use double, so that registers may spill there; but not where a pointer is the only double.
bool in_double(const MachineCode& code) {
  const std::string arguments = code.name.substr(0, code.name.find('('));
  for (size_t at = 0; (at = arguments.find("double", at)) != arguments.npos; at += 6)
    if (const char next = arguments[std::min(at + 6, arguments.size() - 1)]; next == ',' || next == '>')
      return true;
  return false;
}

/// Rotary's table: sin and cos of large angles use an array in local memory.
bool has_angles(const MachineCode& code) { return code.name.find(" make_table<") != code.name.npos; }

bool is_attention(const MachineCode& code) {
  for (const char* kernel : {" attend<", " attend_piece<", " query_gradients<", " key_gradients<"})
    if (code.name.find(kernel) != code.name.npos) return true;
  return false;
}
bool is_hopper(const MachineCode& code) {
  return code.target == "sm_90a" && code.name.find(" multiply_hopper<") != code.name.npos;
}

/// What is wrong with a kernel's code: one line each.
std::string faults(const MachineCode& code) {
  std::ostringstream text;
  const auto fault = [&]() -> std::ostream& { return text << code.target << ": " << code.name << ": "; };
  if (const int local = code.count("LDL") + code.count("STL");
      local > 0 && !in_double(code) && !has_angles(code))
    fault() << local << " accesses to local memory\n";
  if (is_hopper(code))
    for (const char* instruction : {"HGMMA", "UTMALDG"})
      if (code.count(instruction) == 0) fault() << "no " << instruction << "\n";
  if (const int most = code.largest_loop(); is_attention(code) && most > most_in_loop)
    fault() << "a loop of " << most << " instructions\n";
  return text.str();
}

/// A listing of one kernel with these instructions.
std::string listing_of(const std::string& name, const std::vector<std::string>& instructions) {
  std::ostringstream text;
  text << "arch = sm_90a\n\t\tFunction : " << name << "\n\t.headerflags\t@\"EF_CUDA_SM90\"\n";
  size_t at = 0;
  for (const std::string& i : instructions) {
    char address[16];
    std::snprintf(address, sizeof address, "%04zx", at++ * 16);
    text << "        /*" << address << "*/                   " << i << " ;      /* 0x00000a00ff017b82 */\n"
         << "                                                     /* 0x000ff00000000800 */\n";
  }
  return text.str();
}

MachineCode code_of(const std::string& name, const std::vector<std::string>& instructions) {
  MachineCode found;
  test::ListingReader reader([&](const MachineCode& code) { found = code; });
  std::istringstream text(listing_of(name, instructions));
  for (std::string line; std::getline(text, line);) reader.line(line);
  reader.end();
  return found;
}

// Names of kernels as nvcc mangles them.
const std::string attend_64 =
    "_ZN4hewn12_GLOBAL__N_16attendILi64ELb0EEEvNS_16AttentionForwardENS0_11DropoutMaskE";
const std::string hopper_nt = "_ZN4hewn12_GLOBAL__N_115multiply_hopperILb0ELb1EEEvi";
const std::string in_doubles = "_ZN4hewn12_GLOBAL__N_16attendIddEEvi",
                  beside_doubles = "_ZN4hewn12_GLOBAL__N_14copyIfEEvPd",
                  rotary_table = "_ZN4hewn12_GLOBAL__N_110make_tableIfEEvi";

}  // namespace

TEST_CASE("machine code: kernels, instructions and loops are read from a listing") {
  const MachineCode code = code_of(
      attend_64, {"MOV R1, c[0x0][0x28]", "LDS R2, [R1]", "LDL.64 R2, [R1]", "@P0 BRA 0x10",
                  "@!P1 STL [R1+0x8], R2", "@P0 BRA P1, 0x10", "BRA 0x90", "EXIT", "BRA 0x80", "LDLX R0"});
  CHECK(code.target == "sm_90a");
  CHECK(code.name == "void attend<64, false>(AttentionForward, DropoutMask)");
  CHECK(code.instructions.size() == 10);
  CHECK(code.count("LDL") == 1);
  CHECK(code.count("STL") == 1);
  CHECK(code.count("BRA") == 4);
  const auto loops = code.loops();
  REQUIRE(loops.size() == 2);  // two branches to 0x10 are one loop
  CHECK((loops[0].first == 0x10 && loops[0].last == 0x50 && loops[0].own == 5));
  CHECK((loops[1].first == 0x80 && loops[1].last == 0x80 && loops[1].own == 1));
  const MachineCode nested =
      code_of(attend_64, {"NOP", "NOP", "NOP", "@P0 BRA 0x20", "NOP", "@P1 BRA 0x10", "@P1 BRA 0x0"});
  REQUIRE(nested.loops().size() == 3);
  CHECK(nested.loops()[0].own == 2);
  CHECK(nested.loops()[1].own == 3);
  CHECK(nested.loops()[2].own == 2);
  CHECK(nested.largest_loop() == 3);
  const MachineCode diverged =
      code_of(attend_64, {"BRA.DIV UR4, 0x30", "NOP", "EXIT", "NOP", "BRA 0x10", "NOP", "@P0 BRA 0x50"});
  REQUIRE(diverged.loops().size() == 1);
  CHECK(diverged.loops()[0].first == 0x50);
}

TEST_CASE("machine code: faults are found") {
  CHECK(faults(code_of(attend_64, {"FADD R0, R0, R1"})) == "");
  CHECK(faults(code_of(attend_64, {"LDL R0, [R1]", "STL [R1], R0"}))
            .ends_with(": 2 accesses to local memory\n"));
  CHECK(faults(code_of(beside_doubles, {"LDL R0, [R1]"})) != "");
  CHECK(faults(code_of(in_doubles, {"LDL R0, [R1]"})) == "");
  CHECK(faults(code_of(rotary_table, {"LDL R0, [R1]"})) == "");
  CHECK(faults(code_of(hopper_nt, {"HGMMA.64x128x16.F32.BF16 R24", "UTMALDG.2D [UR8], [UR4]"})) == "");
  CHECK(faults(code_of(hopper_nt, {"HGMMA.64x128x16.F32.BF16 R24"})).ends_with(": no UTMALDG\n"));
  CHECK(faults(code_of(hopper_nt, {"UTMALDG.2D [UR8], [UR4]"})).ends_with(": no HGMMA\n"));
  std::vector<std::string> loop(most_in_loop - 1, "FADD R0, R0, R1");
  loop.push_back("@P0 BRA 0x0");
  CHECK(faults(code_of(attend_64, loop)) == "");
  loop.insert(loop.begin(), "NOP");
  CHECK(faults(code_of(attend_64, loop)).ends_with(": a loop of 1001 instructions\n"));
  CHECK(faults(code_of(beside_doubles, loop)) == "");
}

#ifdef HEWN_WITH_CUDA
TEST_CASE("machine code: this program's kernels have no faults") {
  const std::string with_tools = "PATH=$PATH:/usr/local/cuda/bin; ";
  if (std::system((with_tools + "command -v cuobjdump >/dev/null").c_str()) != 0)
    return test::skip("cuobjdump is not installed");
  const std::string program = std::filesystem::canonical("/proc/self/exe").string();
  FILE* const listing = popen((with_tools + "cuobjdump -sass '" + program + "'").c_str(), "r");
  REQUIRE(listing != nullptr);
  std::string found;
  std::set<std::string> targets, hoppers, attentions;
  test::ListingReader reader([&](const MachineCode& code) {
    found += faults(code);
    targets.insert(code.target);
    if (is_hopper(code)) hoppers.insert(code.name);
    if (is_attention(code)) attentions.insert(code.name);
  });
  for (char line[4096]; std::fgets(line, sizeof line, listing);) {
    std::string text = line;
    text.resize(text.find_last_not_of("\r\n") + 1);
    reader.line(text);
  }
  reader.end();
  REQUIRE(pclose(listing) == 0);
  CHECK(found == "");
  CHECK_FALSE(targets.empty());
  CHECK(hoppers.size() == (targets.contains("sm_90a") ? 4 : 0));  // either operand transposed or not
  CHECK(attentions.size() >=
        42);  // three kernels for four sizes of head, with and without dropout, and those
              // of few queries for two dtypes, three sizes of head and numbers of rows
}
#endif

}  // namespace hewn
