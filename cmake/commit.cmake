# cmake -DSOURCE=DIR -DOUTPUT=FILE -P commit.cmake: writes FILE, which defines hewn::cli::commit, if it changes. The commit is
# that of the git checkout whose top is DIR, with -dirty if tracked files differ from it; "unknown" without such a checkout, as
# in a tarball, or without git.
cmake_minimum_required(VERSION 3.25)
find_program(HEWN_GIT git)
set(commit "")
if(HEWN_GIT)
  set(ENV{GIT_OPTIONAL_LOCKS} 0)  # a build must not be in the way of the user's own git commands
  execute_process(COMMAND ${HEWN_GIT} -C ${SOURCE} rev-parse --show-prefix
                  OUTPUT_VARIABLE below RESULT_VARIABLE status ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(status EQUAL 0 AND below STREQUAL "")  # else DIR is a part of another project's checkout
    execute_process(COMMAND ${HEWN_GIT} -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
                    OUTPUT_VARIABLE commit ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
endif()
if(NOT commit)
  set(commit "unknown (not built in a git checkout)")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT
     "#include \"apps/cli/version.h\"\n\nstd::string hewn::cli::commit() { return \"@commit@\"; }\n" @ONLY)
