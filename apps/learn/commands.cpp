// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_learn(const Settings& settings);

namespace {

Sections learn_sections() {
  using namespace keys;
  return {described("learn",
                    {text("out", "FILE"), flag("watch"), flag("training", "true"), text("out_dir", "RUN")})};
}

}  // namespace

Commands learn_commands() {
  return {{.name = "learn",
           .arguments = "[CHAPTER | start CHAPTER | check CHAPTER | hint CHAPTER | solution CHAPTER]",
           .purpose = Purpose::learn,
           .sections = learn_sections,
           .run = run_learn,
           .json = false,
           .words = "start|check|hint|solution"}};
}

}  // namespace hewn::cli
