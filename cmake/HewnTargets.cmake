# Flags and helpers shared by every folder.

find_package(Threads REQUIRED)
include(cmake/HewnIsas.cmake)

# What kernels the library holds: known to all that is compiled with its headers, installed ones included.
set(hewn_contents ${hewn_isas_definition})
if(HEWN_EMULATOR)
  list(APPEND hewn_contents HEWN_WITH_EMULATOR)
endif()
if(HEWN_CUDA_FOUND)
  list(APPEND hewn_contents HEWN_WITH_CUDA)
endif()

# Our own code is compiled with these; third-party headers are SYSTEM and stay silent.
add_library(hewn_flags INTERFACE)
target_compile_options(hewn_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       -ffp-contract=off $<$<BOOL:${HEWN_WERROR}>:-Werror>)
# gcc 12 takes `"a" + std::string` for an overlapping copy (its bug 105651).
target_compile_options(hewn_flags INTERFACE
                       $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
target_include_directories(hewn_flags INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
if(CMAKE_UNITY_BUILD)  # a file's local names may well stand for something else in its neighbours
  # gcc 12 forgets that precompiled headers are the system's and tells of what it guesses inside them.
  target_compile_options(hewn_flags INTERFACE -Wno-shadow
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage;-Wno-stringop-overflow;-Wno-array-bounds>)
endif()
if(HEWN_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(hewn_flags INTERFACE HEWN_CHECK_MEMORY)  # NaN in fresh memory, canaries around it
endif()
target_compile_definitions(hewn_flags INTERFACE ${hewn_contents})
if(HEWN_SANITIZE)
  # What is found ends the program: code that goes on after each check takes clang three times as long to compile, as
  # does the check of every sum of a pointer; one that leaves its array is found where it is used.
  target_compile_options(hewn_flags INTERFACE -fsanitize=${HEWN_SANITIZE} -fno-sanitize-recover=all
                         -fno-sanitize=pointer-overflow -fno-omit-frame-pointer -g1)
  target_link_options(hewn_flags INTERFACE -fsanitize=${HEWN_SANITIZE})
endif()

# hewn_headers(TARGET HEADERS...): what most of its files include is read once, in builds that are to be quick.
function(hewn_headers target)
  if(CMAKE_UNITY_BUILD)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# hewn_together(TARGET NAME SOURCES...): with CMAKE_UNITY_BUILD=ON (the preset release) these files of a target are
# compiled as one, which takes half of their time from nothing. They share their local names.
function(hewn_together target name)
  set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
  set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP ${name})
endfunction()

# hewn_layer(NAME SOURCES... [DEPENDS TARGETS...]): one folder of the house as a static library.
function(hewn_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  if(NOT ARG_SOURCES)  # a folder before its first source
    add_library(hewn_${name} INTERFACE)
    target_link_libraries(hewn_${name} INTERFACE $<BUILD_INTERFACE:hewn_flags> ${ARG_DEPENDS})
    return()
  endif()
  add_library(hewn_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(hewn_${name} PUBLIC $<BUILD_INTERFACE:hewn_flags> ${ARG_DEPENDS})
  hewn_together(hewn_${name} ${name} ${ARG_SOURCES})
endfunction()

# hewn_quickly(TARGET LEVEL UNDER_SANITIZERS): compiled with less optimisation, for code that prepares work and does
# none: -O1 saves a third of its time, -O0 half, and under sanitizers two thirds. Whole targets, since files with options
# of their own have no part in a unity build.
function(hewn_quickly target level under_sanitizers)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O${level}>
                         $<$<CONFIG:RelWithDebInfo>:-O${under_sanitizers}>)
endfunction()

# hewn_simd(TARGET LABEL SOURCES...): adds SIMD sources to TARGET, compiled once for each instruction set of HEWN_ISAS,
# with HEWN_ISA naming it and HEWN_VBYTES the width of its vectors; avx512bf16 is for sources called *bf16.cpp, amx for
# those called *amx.cpp; others have nothing for these two. LABEL makes the objects' names unique.
function(hewn_simd target label)
  foreach(isa ${hewn_isas})
    set(sources ${ARGN})
    if(isa STREQUAL "amx")
      list(FILTER sources INCLUDE REGEX "amx\\.cpp$")
    elseif(isa STREQUAL "avx512bf16")
      list(FILTER sources INCLUDE REGEX "bf16\\.cpp$")
    else()
      list(FILTER sources EXCLUDE REGEX "(amx|bf16)\\.cpp$")
    endif()
    if(sources)
      set(object ${label}_${isa})
      add_library(${object} OBJECT ${sources})
      set_target_properties(${object} PROPERTIES UNITY_BUILD OFF)  # what is inlined where decides their speed
      target_compile_definitions(${object} PRIVATE HEWN_ISA=${isa} HEWN_VBYTES=${hewn_isa_bytes_${isa}})
      target_compile_options(${object} PRIVATE ${hewn_isa_flags_${isa}} -fno-math-errno -fno-trapping-math)
      target_link_libraries(${object} PRIVATE hewn_flags)
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:${object}>)
    endif()
  endforeach()
endfunction()
