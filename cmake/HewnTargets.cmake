# Flags and helpers shared by every folder.

find_package(OpenMP REQUIRED COMPONENTS CXX)

# Our own code is compiled with these; third-party headers are SYSTEM and stay silent.
add_library(hewn_flags INTERFACE)
target_compile_options(hewn_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       -ffp-contract=off $<$<BOOL:${HEWN_WERROR}>:-Werror>)
target_include_directories(hewn_flags INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
if(HEWN_SANITIZE)
  target_compile_options(hewn_flags INTERFACE -fsanitize=${HEWN_SANITIZE} -fno-omit-frame-pointer -g1)
  target_link_options(hewn_flags INTERFACE -fsanitize=${HEWN_SANITIZE})
endif()

# hewn_layer(NAME SOURCES... [DEPENDS TARGETS...]): one folder of the house as a static library.
function(hewn_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  if(NOT ARG_SOURCES)  # a folder before its first source
    add_library(hewn_${name} INTERFACE)
    target_link_libraries(hewn_${name} INTERFACE hewn_flags ${ARG_DEPENDS})
    return()
  endif()
  add_library(hewn_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(hewn_${name} PUBLIC $<BUILD_INTERFACE:hewn_flags> ${ARG_DEPENDS})
endfunction()
