#include "apps/learn/judge/kernel_run.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/gpu/emulator/emulator.h"

namespace hewn::cli::learn {
namespace {

constexpr int lanes = 32, banks = 32;
constexpr int line_elements = 32;       // of float32 in 128 bytes, which global memory delivers together
constexpr int lines_of_neighbours = 2;  // that 32 adjacent elements are in, wherever they begin

/// The thread that accesses an element of shared memory, and the time.
struct Access {
  int thread = -1;    ///< of the block; -1: nobody
  int interval = -1;  ///< the number of barriers before it
  int position = 0;   ///< the number of the thread's accesses since the last barrier
  int line = 0;       ///< of the lesson
};

/// An element of shared memory.
struct Word {
  double value = std::numeric_limits<double>::quiet_NaN();
  bool set = false;
  Access write;
  Access reads[2];  ///< the first ones of two threads since the last barrier
};

/// A line of the lesson that reads or sets a memory, which all lanes of a warp do together.
struct Site {
  size_t memory;
  bool store;
  int line;
  std::vector<int> times;  ///< of each thread, since the last barrier
  /// Of each warp: the elements that its lanes access together, -1 for lanes that do not take part.
  std::vector<std::vector<std::array<int, lanes>>> warps;
};

std::string text_of(const Extent& e) { return join("(", e.x, ", ", e.y, ")"); }

std::string element_text(const lesson::Operand& o, int word) {
  return join(o.name, "(", word / o.cols, ", ", word % o.cols, ")");
}

[[noreturn]] void misuse(std::string kind, std::string text) {
  throw Misuse({std::move(kind), std::move(text)});
}

/// A running kernel.
class Watch {
 public:
  static inline Watch* now = nullptr;

  Watch(std::span<const KernelMemory> all, const Grid& g) : memories(all), grid(g) {
    for (const KernelMemory& m : all)
      setters_.emplace_back(
          m.kind == MemoryKind::output ? static_cast<size_t>(m.operand->rows * m.operand->cols) : 0,
          int64_t{-1});
  }

  size_t index_of(const lesson::Operand& operand) const {
    size_t i = 0;
    while (memories[i].operand != &operand) ++i;
    return i;
  }
  int threads() const { return static_cast<int>(grid.threads.x * grid.threads.y); }
  std::string thread_text(int thread) const {
    const auto x = static_cast<int>(grid.threads.x);
    return join("thread (", thread % x, ", ", thread / x, ")");
  }
  /// The running thread, within its block and within the grid.
  int thread() const {
    const emulator::Place& p = emulator::place();
    return static_cast<int>(p.thread.y * grid.threads.x + p.thread.x);
  }
  int64_t thread_of_grid() const {
    const emulator::Place& p = emulator::place();
    return (int64_t{p.block.y} * grid.blocks.x + p.block.x) * threads() + thread();
  }

  double load_global(size_t memory, int word, int line) {
    const lesson::Operand& o = *memories[memory].operand;
    if (memories[memory].kind == MemoryKind::output && setters_[memory][static_cast<size_t>(word)] < 0)
      misuse(join(o.name, " is read before it is set"),
             join("line ", line, ": ", thread_text(thread()), " of block ", text_of(emulator::place().block),
                  " reads ", element_text(o, word), ", which has no value yet"));
    ++report.loads;
    return o.values[word];
  }
  void store_global(size_t memory, int word, double value, int line) {
    const lesson::Operand& o = *memories[memory].operand;
    if (memories[memory].kind == MemoryKind::output) {
      int64_t& setter = setters_[memory][static_cast<size_t>(word)];
      if (setter >= 0 && setter != thread_of_grid())
        misuse(
            "two threads set the same element",
            join("line ", line, ": ", thread_text(thread()), " of block ", text_of(emulator::place().block),
                 " sets ", element_text(o, word), ", which another thread has already set"));
      if (setter >= 0 && again_.text.empty())
        again_ = {"an element is set again",
                  join("line ", line, ": a thread sets ", element_text(o, word), " more than once")};
      setter = thread_of_grid();
    }
    o.values[word] = value;
  }

  /// Judges one access of the lanes of a warp: `count` banks of shared memory in turn, or lines of global memory.
  void saw(const Site& site, int count) {
    const lesson::Operand& o = *memories[site.memory].operand;
    const bool shared = memories[site.memory].kind == MemoryKind::shared;
    int& worst = shared ? conflicts_ : lines_;
    if (count <= worst) return;
    worst = count;
    const std::string begin =
        join("line ", site.line, ": the lanes of a warp ", site.store ? "set " : "read ");
    if (shared)
      conflict_ = {"bank conflicts", join(begin, count, " different elements of ", o.name,
                                          " that are in the same bank, one after the other")};
    else
      scattered_ = {"scattered accesses",
                    join(begin, o.name, " in ", count,
                         " separate lines of global memory; 32 adjacent elements are in 1 or 2")};
  }
  void conclude() {
    for (const Remark* remark : {&scattered_, &conflict_, &again_})
      if (!remark->text.empty() && !report.remark) report.remark = *remark;
  }

  const std::span<const KernelMemory> memories;
  const Grid grid;
  KernelReport report;

 private:
  std::vector<std::vector<int64_t>> setters_;  ///< of each element of each output: the thread that set it
  int conflicts_ = 1, lines_ = lines_of_neighbours;
  Remark conflict_, scattered_, again_;
};

/// The running block: its shared memory, and what its threads have done since the last barrier.
class BlockWatch final : public emulator::BlockState {
 public:
  BlockWatch() : interval_(threads()), position_(threads()) {
    for (const KernelMemory& m : watch_.memories)
      words_.emplace_back(
          m.kind == MemoryKind::shared ? static_cast<size_t>(m.operand->rows * m.operand->cols) : 0);
  }

  double load(size_t memory, int index, int line) {
    Word& word = words_[memory][static_cast<size_t>(index)];
    const Access me = next(line);
    if (word.write.interval == me.interval && word.write.thread != me.thread)
      race(memory, index, word.write, me);
    if (!word.set && unset_.text.empty())
      unset_ = {"an element is read that nobody has set",
                join("line ", line, ": ", watch_.thread_text(me.thread), " reads ", name(memory, index),
                     ", which no thread has set")};
    Access& first = word.reads[0];
    if (first.interval != me.interval)
      first = me;
    else if (first.thread != me.thread && word.reads[1].interval != me.interval)
      word.reads[1] = me;
    return word.value;
  }

  void store(size_t memory, int index, double value, int line) {
    Word& word = words_[memory][static_cast<size_t>(index)];
    const Access me = next(line);
    if (word.write.interval == me.interval && word.write.thread != me.thread)
      misuse(
          "two threads set the same element",
          join("line ", line, ": ", watch_.thread_text(me.thread), " sets ", name(memory, index), ", which ",
               watch_.thread_text(word.write.thread), " sets too; no barrier lies between the two"));
    for (const Access& read : word.reads)
      if (read.interval == me.interval && read.thread != me.thread) race(memory, index, me, read);
    word.write = me;
    word.set = true;
    word.value = value;
  }

  /// The running thread accesses an element, together with the lanes that are as often at this line.
  void touch(size_t memory, bool store, int index, int line) {
    const auto thread = static_cast<size_t>(watch_.thread());
    auto site = std::find_if(sites_.begin(), sites_.end(), [&](const Site& s) {
      return s.memory == memory && s.store == store && s.line == line;
    });
    if (site == sites_.end()) {
      sites_.push_back({memory, store, line, std::vector<int>(threads()), {}});
      site = sites_.end() - 1;
      site->warps.resize((threads() + lanes - 1) / lanes);
    }
    auto& accesses = site->warps[thread / lanes];
    const auto time = static_cast<size_t>(site->times[thread]++);
    if (accesses.size() <= time) {
      accesses.emplace_back();
      accesses.back().fill(-1);
    }
    accesses[time][thread % lanes] = index;
  }

  void passed_barrier() {
    const auto thread = static_cast<size_t>(watch_.thread());
    if (++interval_[thread] > intervals_) {  // the first thread: all others have arrived
      intervals_ = interval_[thread];
      interval_ended();
    }
    position_[thread] = 0;
  }
  void ended() override { interval_ended(); }

 private:
  size_t threads() const { return static_cast<size_t>(watch_.threads()); }
  std::string name(size_t memory, int index) const {
    return element_text(*watch_.memories[memory].operand, index);
  }
  Access next(int line) {
    const int thread = watch_.thread();
    const auto t = static_cast<size_t>(thread);
    return {thread, interval_[t], position_[t]++, line};
  }

  // All threads run the same program. A write that comes before the read in it is meant for the reader, which does not
  // wait for it; one that comes after the read does not wait for the reader.
  [[noreturn]] void race(size_t memory, int index, const Access& write, const Access& read) const {
    const std::string writer = watch_.thread_text(write.thread), reader = watch_.thread_text(read.thread);
    if (write.position < read.position)
      misuse("a barrier is missing before a read",
             join("line ", read.line, ": ", reader, " reads ", name(memory, index), ", which ", writer,
                  " sets in line ", write.line, "; no barrier lies between the two"));
    misuse("a barrier is missing before an element is overwritten",
           join("line ", write.line, ": ", writer, " overwrites ", name(memory, index), ", which ", reader,
                " reads in line ", read.line, "; no barrier lies between the two"));
  }

  void interval_ended() {
    if (!unset_.text.empty()) misuse(unset_.kind, unset_.text);
    for (Site& site : sites_) {
      const bool shared = watch_.memories[site.memory].kind == MemoryKind::shared;
      for (auto& accesses : site.warps) {
        for (const auto& words : accesses) watch_.saw(site, shared ? passes(words) : lines(words));
        accesses.clear();
      }
      std::fill(site.times.begin(), site.times.end(), 0);
    }
  }

  static std::vector<int> distinct(const std::array<int, lanes>& words, int divisor) {
    std::vector<int> all;
    for (const int word : words)
      if (word >= 0) all.push_back(word / divisor);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }
  /// Lines of global memory with these elements.
  static int lines(const std::array<int, lanes>& words) {
    return static_cast<int>(distinct(words, line_elements).size());
  }
  /// Elements of the bank with most of them: it delivers one at a time, to all lanes that ask for it.
  static int passes(const std::array<int, lanes>& words) {
    std::array<int, banks> of_bank{};
    for (const int word : distinct(words, 1)) ++of_bank[static_cast<size_t>(word % banks)];
    return *std::max_element(of_bank.begin(), of_bank.end());
  }

  Watch& watch_ = *Watch::now;
  std::vector<std::vector<Word>> words_;  ///< of each memory
  std::vector<int> interval_, position_;  ///< of each thread
  int intervals_ = 0;
  Remark unset_;  ///< a read that is a mistake, unless it turns out to be a race
  std::vector<Site> sites_;
};

BlockWatch& block_watch() { return emulator::state_of_block<BlockWatch>(); }

/// The element's number in its matrix, which the thread reads or sets.
int checked(const lesson::Operand& o, lesson::Index row, lesson::Index col, const char* does) {
  if (row.value < 0 || row.value >= o.rows || col.value < 0 || col.value >= o.cols)
    misuse(join(o.name, " is ", does, " outside"),
           join("line ", col.line, ": ", Watch::now->thread_text(Watch::now->thread()), " of block ",
                text_of(emulator::place().block), ": ", outside_text(o, row.value, col.value)));
  return row.value * o.cols + col.value;
}

const lesson::Gpu gpu_of_threads{
    .coordinate =
        [](int number) {
          const emulator::Place& p = emulator::place();
          const unsigned all[] = {p.thread.x,  p.thread.y,  p.block.x,  p.block.y,
                                  p.threads.x, p.threads.y, p.blocks.x, p.blocks.y};
          return static_cast<int>(all[number]);
        },
    .barrier =
        [] {
          block_watch();  // counts from the block's beginning
          emulator::block_barrier();
          block_watch().passed_barrier();
        },
    .load =
        [](const lesson::Operand& o, lesson::Index row, lesson::Index col) {
          const int word = checked(o, row, col, "read");
          const size_t memory = Watch::now->index_of(o);
          block_watch().touch(memory, false, word, col.line);
          const bool shared = Watch::now->memories[memory].kind == MemoryKind::shared;
          return static_cast<float>(shared ? block_watch().load(memory, word, col.line)
                                           : Watch::now->load_global(memory, word, col.line));
        },
    .store =
        [](const lesson::Operand& o, lesson::Index row, lesson::Index col, float value) {
          const int word = checked(o, row, col, "set");
          const size_t memory = Watch::now->index_of(o);
          block_watch().touch(memory, true, word, col.line);
          if (Watch::now->memories[memory].kind == MemoryKind::shared)
            block_watch().store(memory, word, value, col.line);
          else
            Watch::now->store_global(memory, word, value, col.line);
        },
};

}  // namespace

std::string outside_text(const lesson::Operand& o, int row, int col) {
  const auto counted = [](int n, const char* unit) {
    return join(n, " ", unit, n == 1 ? "" : "s", n == 0 ? " (there is none)" : join(" (0 to ", n - 1, ")"));
  };
  return join(o.name, "(", row, ", ", col, ") is outside: ", o.name, " has ", counted(o.rows, "row"), " and ",
              counted(o.cols, "column"));
}

KernelReport run_kernel(const lesson::Entry& entry, const lesson::Operand* operands,
                        std::span<const KernelMemory> memories, const Grid& grid) {
  Watch watch(memories, grid);
  Watch::now = &watch;
  *entry.gpu = &gpu_of_threads;
  try {
    emulator::run_kernel(entry.name, grid, [&] { entry.run(operands); });
  } catch (const Misuse&) {
    throw;
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.find("__syncthreads") == text.npos) throw;
    misuse("a barrier that some threads never reach", text);
  }
  watch.conclude();
  return watch.report;
}

}  // namespace hewn::cli::learn
