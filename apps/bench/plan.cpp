#include "apps/bench/plan.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "apps/bench/machine/asm.h"
#include "apps/bench/shapes.h"
#include "apps/cli/format.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/io/limits.h"
#include "kernels/contract/rooms.h"
#include "kernels/devices/devices.h"
#include "kernels/roof/caches.h"

namespace hewn::cli {
namespace {

Isa instruction_set(const Settings& settings, const std::string& name) {
  const auto* found =
      std::find_if(known_isas.begin(), known_isas.end(), [&](Isa isa) { return name_of(isa) == name; });
  require(found != known_isas.end() || name == "scalar", settings.where("isa"),
          ": this build has no code for '", name, "'; it has code for ", compiled_names());
  const Isa isa = name == "scalar" ? Isa::scalar : *found;
  require(supported(isa), settings.where("isa"), ": this processor cannot run ", name);
  return isa;
}

// Whether a printed shape, such as "786432 gelu_tanh", contains a word that is this name or begins with
// it: "gelu_tanh", "gelu".
bool says(const std::string& shape, const std::string& name) {
  const std::vector<std::string> words = split(shape, ' ');
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return word == name || word.starts_with(name + "_"); });
}

// Whether this is the operation, "rmsnorm.forward", or what it has in common with others: "rmsnorm".
bool names_op(std::string_view name, std::string_view op) {
  return op.starts_with(name) && (op.size() == name.size() || op[name.size()] == '.');
}

// Whether `--op` selects this case: by room ("norm"), by operation or by the kind in its shape ("gelu", "adamw").
bool wanted(const std::vector<std::string>& ops, std::string_view room, std::string_view op,
            const std::string& shape) {
  return ops.empty() || std::any_of(ops.begin(), ops.end(), [&](const std::string& name) {
           return name == room || names_op(name, op) || says(shape, name);
         });
}

/// What a case is called.
struct CaseName {
  std::string op, shape;
};

// The names of a room's small cases. Those of all rooms take seconds to create, so each room is asked once.
const std::vector<CaseName>& small_cases(const Room& room) {
  static std::map<const Room*, std::vector<CaseName>> known;
  const auto [at, fresh] = known.try_emplace(&room);
  if (fresh)
    for (const auto& c : room.cases({})) at->second.push_back({std::string(c->op()), c->shape()});
  return at->second;
}

bool holds(const Room& room, std::string_view op) {
  const auto& small = small_cases(room);
  return std::any_of(small.begin(), small.end(), [&](const CaseName& c) { return names_op(op, c.op); });
}

const Room* room_called(std::string_view name) {
  const auto found =
      std::find_if(rooms().begin(), rooms().end(), [&](const Room& room) { return room.name == name; });
  return found == rooms().end() ? nullptr : &*found;
}

// The room with cases of this kind; null if there is none.
const Room* room_with_kind(const std::string& name) {
  const auto found = std::find_if(rooms().begin(), rooms().end(), [&](const Room& room) {
    const auto& small = small_cases(room);
    return std::any_of(small.begin(), small.end(), [&](const CaseName& c) { return says(c.shape, name); });
  });
  return found == rooms().end() ? nullptr : &*found;
}

// The room selected by a name of `--op`, found without creating all cases; null if there is none.
const Room* room_for(const std::string& op) {
  const Room* room = room_called(op);
  if (!room) room = room_with(op);
  return room ? room : room_with_kind(op);
}

// The rooms selected by `--op`; every room if it is empty.
std::vector<const Room*> rooms_for(const std::vector<std::string>& ops) {
  std::set<const Room*> chosen;
  for (const std::string& op : ops) chosen.insert(room_for(op));
  std::vector<const Room*> list;
  for (const Room& room : rooms())
    if (ops.empty() || chosen.contains(&room)) list.push_back(&room);
  return list;
}

// The variant of a rung for a processor of this level: its own, or a lower one.
bool runs_on(const Case& c, size_t rung, Isa level, Isa& variant) {
  if (on_gpu(level)) return c.has(rung, variant = level);
  for (int i = static_cast<int>(level); i >= 0; --i) {
    variant = static_cast<Isa>(i);
    if (c.has(rung, variant)) return true;
  }
  return false;
}

void read_processor(const Settings& settings, BenchPlan& plan) {
  require(!settings.given("ceilings") || settings.where("ceilings").starts_with("HEWN_"),
          settings.where("ceilings"), " applies only to kernels on a GPU; leave it out with --device=cpu");
  if (!settings.has("threads"))
    plan.threads = {default_threads()};
  else
    for (const int64_t n : settings.integers("threads", 1, 1024)) plan.threads.push_back(static_cast<int>(n));
  if (!settings.has("isa"))
    plan.isas = {best_isa()};
  else
    for (const std::string& name : split(settings.text("isa"), ','))
      plan.isas.push_back(instruction_set(settings, name));
}

// The sizes in a shape: of "786432 relu", as printed for a case, the word of sizes; a shape of sizes is
// returned as it is.
std::string sizes_in(const std::string& shape) {
  for (const std::string& word : split(shape, ' '))
    if (!word.empty() && std::isdigit(static_cast<unsigned char>(word[0]))) return word;
  return shape;
}

// A GPU has no threads to choose, one instruction set, and only cold operands.
void read_gpu(const Settings& settings, BenchPlan& plan) {
  plan.threads = {1};
  plan.isas = {plan.device == "cuda" ? Isa::cuda : Isa::emulated};
  for (const char* key : {"threads", "isa", "rung", "pages", "counters", "asm"})
    require(!settings.given(key) || settings.where(key).starts_with("HEWN_"), settings.where(key),
            " applies only to kernels on the CPU; leave it out with --device=", plan.device);
  require(!settings.given("cache") || settings.text("cache") == "cold", settings.where("cache"),
          ": on a GPU, operands are always in device memory; leave it out with --device=", plan.device);
  plan.warm = false;
}

// A lesson is about one ladder under one set of conditions.
void read_guess(const Settings& settings, BenchPlan& plan) {
  require(plan.ladder && plan.ops.size() == 1,
          "--guess asks about the rungs of one ladder; add --ladder and one --op");
  require(plan.threads.size() == 1 && plan.isas.size() == 1,
          "--guess: expected one number of threads and one instruction set; see --threads and --isa");
  for (const char* other : {"rung", "compare", "asm", "shapes_from"})
    require(!settings.given(other) || settings.where(other).starts_with("HEWN_"), settings.where(other),
            " and --guess exclude each other");
  require(!settings.given("cache") || settings.text("cache") != "both", settings.where("cache"),
          ": --guess times operands in cache or in memory; expected warm or cold");
  plan.guess = true;
  if (plan.device != "cpu") return;
  if (!settings.given("cache")) plan.cold = false;
  plan.loops = has_disassembler();
  if (!plan.loops)
    say("loads per multiply-add are unknown, because objdump cannot be run; install it (Debian: binutils)");
}

// Other names that --op accepts: rooms, operations, and what operations have in common.
std::vector<std::string> names_near(const std::string& asked) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (name != asked && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const Room& room : rooms()) {
    add(room.name);
    for (const CaseName& c : small_cases(room)) add(c.op.substr(0, c.op.find('.'))), add(c.op);
  }
  return names;
}

}  // namespace

const Room* room_with(std::string_view op) {
  const std::string_view first = op.substr(0, op.find('.'));
  for (const bool by_name : {true, false})
    for (const Room& room : rooms())
      if ((room.name == first) == by_name && holds(room, op)) return &room;
  return nullptr;
}

size_t cold_set(Case& c) {
  const size_t last = last_level_cache();
  return c.bytes() >= 2 * last ? c.bytes() : 4 * last;
}

BenchPlan bench_plan(const Settings& settings) {
  require(settings.arguments.empty(), "bench kernels takes no argument '",
          settings.arguments.empty() ? "" : settings.arguments[0],
          "'; choose kernels with --op, --shape and --isa");
  BenchPlan plan;
  plan.request = {
      .dtype = dtype_from_name(settings.text("dtype")), .bench = true, .shape = settings.text("shape")};
  plan.repeat = settings.integer("repeat");
  plan.ladder = settings.flag("ladder");
  plan.rung = settings.text("rung");
  plan.warm = settings.text("cache") != "cold";
  plan.cold = settings.text("cache") != "warm";
  if (settings.has("compare")) plan.compare = split(settings.text("compare"), ',');
  if (settings.has("op")) plan.ops = split(settings.text("op"), ',');
  for (const std::string& op : plan.ops)
    if (!room_for(op))
      fail(ErrorCode::usage, settings.where("op"), ": no kernels are named '", op,
           "' (`hewn info` lists all kernels)", did_you_mean(op, names_near(op)));
  require(plan.ops.size() == 1 || !settings.has("shape") || !plan.rung.empty(),
          "--shape requires a single --op, since each operation has its own kind of shape");
  plan.ceilings = settings.text("ceilings");
  plan.device = settings.text("device");
  plan.device == "cpu" ? read_processor(settings, plan) : read_gpu(settings, plan);
  plan.counters = settings.flag("counters");
  plan.assembly = settings.flag("asm");
  require(!plan.assembly || !plan.ops.empty() || !plan.rung.empty(),
          "--asm prints a loop for each kernel; choose the kernels with --op");
  plan.loops = plan.assembly;
  if (settings.flag("guess")) read_guess(settings, plan);
  if (!settings.has("shapes_from")) return plan;
  for (const char* other : {"shape", "dtype"})
    require(!settings.given(other), settings.where(other),
            " and --shapes-from exclude each other: the run determines shapes and dtype");
  plan.of_run = kernels_of_run(settings.text("shapes_from"), plan.threads.front(), plan.isas.back());
  return plan;
}

std::vector<Contender> rungs_of(const Case& c, const BenchPlan& plan) {
  std::vector<Contender> list;
  for (const int threads : plan.threads)
    for (const Isa level : plan.isas) {
      std::vector<Contender> here;
      for (size_t rung = 0; rung < c.rungs(); ++rung) {
        Isa isa = level;
        if (c.why_not(rung) || !runs_on(c, rung, level, isa)) continue;
        here.push_back({c.rung_name(rung), isa, level, threads,
                        [rung, isa, threads](Case& on) { on.run(rung, isa, threads); }});
      }
      if (!plan.ladder && here.size() > 1) here.erase(here.begin(), here.end() - 1);
      list.insert(list.end(), here.begin(), here.end());
    }
  return list;
}

namespace {

bool visit_rooms(const BenchPlan& plan, const std::function<void(Case&, int64_t)>& visit) {
  std::vector<std::string> shapes = split(plan.request.shape, ',');
  if (shapes.empty()) shapes.emplace_back();  // the sizes of real models
  bool any = false;
  for (const std::string& shape : shapes) {
    const std::string sizes = sizes_in(shape);
    bool found = false;
    std::string others;
    for (const Room* room : rooms_for(plan.ops)) {
      CaseRequest request = plan.request;
      request.shape = sizes;
      for (auto& c : room->cases(request)) {
        if (!wanted(plan.ops, room->name, c->op(), c->shape())) continue;
        if (sizes == shape || c->shape() == shape) {
          found = true;
          visit(*c, 0);
        } else {
          others += " \"" + c->shape() + '"';
        }
        c.reset();  // its memory may be large
      }
    }
    require(found || others.empty(), "no case has the shape \"", shape, "\"; cases with these sizes are",
            others);
    any |= found;
  }
  return any;
}

bool visit_run(const BenchPlan& plan, const std::function<void(Case&, int64_t)>& visit) {
  bool any = false;
  for (const RunKernel& kernel : *plan.of_run) {
    if (!wanted(plan.ops, kernel.room->name, kernel.op, kernel.sketch.shape)) continue;
    any = true;
    // Operands, their initial values, and the reference's results in double.
    const double needed = 3 * kernel.cost.bytes / static_cast<double>(kernel.calls),
                 space = static_cast<double>(available_memory());
    if (space > 0 && needed > space)
      say("skipping ", kernel.op, " ", kernel.sketch.shape, ": checking it needs about ", bytes_text(needed),
          " of memory");
    else
      visit(*kernel.sketch.make({.bench = true}), kernel.calls);
  }
  return any;
}

}  // namespace

void for_each_case(const BenchPlan& plan, const std::function<void(Case&, int64_t calls)>& visit) {
  const bool any = plan.of_run ? visit_run(plan, visit) : visit_rooms(plan, visit);
  if (any) return;
  const std::string asked = list_text(plan.ops, ",");
  const std::string hint = did_you_mean(asked, names_near(asked));
  require(!plan.of_run, "a step of this run calls no kernel '", asked, "'", hint);
  fail(ErrorCode::usage, "no kernels are named '", asked, "' for ", name_of(plan.request.dtype),
       " (`hewn info` lists all kernels)", hint);
}

}  // namespace hewn::cli
