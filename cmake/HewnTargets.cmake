# Flags and helpers shared by every folder.

find_package(Threads REQUIRED)
include(cmake/HewnIsas.cmake)

# The kernels in the library, as definitions for all code compiled with its headers, installed ones included.
set(hewn_contents ${hewn_isas_definition})
if(HEWN_EMULATOR)
  list(APPEND hewn_contents HEWN_WITH_EMULATOR)
endif()
if(HEWN_CUDA_FOUND)
  list(APPEND hewn_contents HEWN_WITH_CUDA)
endif()

# For all code that includes the headers in this tree.
add_library(hewn_interface INTERFACE)
target_include_directories(hewn_interface INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
target_compile_definitions(hewn_interface INTERFACE ${hewn_contents})

# Flags for the project's own code; third-party headers are SYSTEM and produce no warnings.
add_library(hewn_flags INTERFACE)
target_link_libraries(hewn_flags INTERFACE hewn_interface)
target_compile_options(hewn_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       -ffp-contract=off $<$<BOOL:${HEWN_WERROR}>:-Werror>)
# Operations name the file of their definition relative to the repository (OpInfo in core/scope.h). ccache may pass
# the compiler paths relative to the build directory.
file(RELATIVE_PATH hewn_source_from_build ${CMAKE_BINARY_DIR} ${PROJECT_SOURCE_DIR}/)
target_compile_options(hewn_flags INTERFACE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=
                       -fmacro-prefix-map=${hewn_source_from_build}=)
# gcc collects garbage for the first time when its heap reaches 512 MB, not 128: 8% of the time that it took for
# model/weights, the largest unit, went into that (-ftime-report).
target_compile_options(hewn_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=524288>)
# gcc 12 mistakes `"a" + std::string` for an overlapping copy (gcc bug 105651).
target_compile_options(hewn_flags INTERFACE
                       $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
if(CMAKE_UNITY_BUILD)
  # A local may have the name of another file's function in the same unit, but not that of a local around it.
  # gcc 12 does not treat precompiled system headers as such, and reports false positives inside them.
  target_compile_options(hewn_flags INTERFACE -Wno-shadow
                         $<$<CXX_COMPILER_ID:GNU>:-Wshadow=local;-Wno-subobject-linkage>
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow;-Wno-array-bounds>)
endif()
if(HEWN_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(hewn_flags INTERFACE HEWN_CHECK_MEMORY)  # NaN in new memory, canaries around it
endif()
if(HEWN_SANITIZE)
  # Errors end the program: recovering after each check would triple clang's compile time, as would checking
  # every pointer addition. A pointer outside of its array is detected when it is used.
  target_compile_options(hewn_flags INTERFACE -fsanitize=${HEWN_SANITIZE} -fno-sanitize-recover=all
                         -fno-sanitize=pointer-overflow -fno-omit-frame-pointer -g1)
  target_link_options(hewn_flags INTERFACE -fsanitize=${HEWN_SANITIZE})
endif()

if(HEWN_LAYER_OPTIONS)  # after all others, which it may revoke
  set(kernel "$<STREQUAL:$<TARGET_PROPERTY:SOURCE_DIR>,${PROJECT_SOURCE_DIR}/kernels>")
  set(preloaded "$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>")
  target_compile_options(hewn_flags INTERFACE
    "$<$<NOT:$<OR:${kernel},${preloaded}>>:${HEWN_LAYER_OPTIONS}>")
  target_link_options(hewn_flags INTERFACE ${HEWN_LAYER_OPTIONS})
endif()

# hewn_headers(TARGET HEADERS...): precompiles the headers that most files of a target include, in unity builds.
function(hewn_headers target)
  if(CMAKE_UNITY_BUILD)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# hewn_alone(SOURCES...): excludes those of these files from units that HEWN_ALONE names.
function(hewn_alone)
  if(HEWN_ALONE)
    set(alone ${ARGN})
    list(FILTER alone INCLUDE REGEX "${HEWN_ALONE}")
    set_source_files_properties(${alone} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()

# hewn_together(TARGET NAME SOURCES...): with CMAKE_UNITY_BUILD=ON (preset release), compiles these files of a
# target as one unit, which halves the time of a full build. They share their local names.
function(hewn_together target name)
  set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
  set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP ${name})
  hewn_alone(${ARGN})
endfunction()

# hewn_layer(NAME SOURCES... [DEPENDS TARGETS...]): a layer of the project as a static library.
function(hewn_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  if(NOT ARG_SOURCES)  # a folder without sources
    add_library(hewn_${name} INTERFACE)
    target_link_libraries(hewn_${name} INTERFACE $<BUILD_INTERFACE:hewn_interface> ${ARG_DEPENDS})
    return()
  endif()
  add_library(hewn_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(hewn_${name} PRIVATE $<BUILD_INTERFACE:hewn_flags>
                        PUBLIC $<BUILD_INTERFACE:hewn_interface> ${ARG_DEPENDS})
  hewn_together(hewn_${name} ${name} ${ARG_SOURCES})
endfunction()

# hewn_quickly(TARGET LEVEL UNDER_SANITIZERS): compiles code that is not performance-critical with less
# optimisation. -O1 and -Os save a third of its compile time, -O0 half, and two thirds under sanitizers; code of
# -Os is a third smaller than that of -O1. Applies to whole targets, since files with their own options cannot be
# part of a unity build.
function(hewn_quickly target level under_sanitizers)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O${level}>
                         $<$<CONFIG:RelWithDebInfo>:-O${under_sanitizers}>)
endfunction()

# hewn_simd(TARGET LABEL SOURCES...): adds SIMD sources to TARGET, compiled once for each instruction set in
# HEWN_ISAS, with HEWN_ISA defined as its name and HEWN_VBYTES as its vector width. avx512vnni is used only
# for *vnni.cpp, avx512bf16 only for *bf16.cpp and amx only for *amx.cpp; these files are compiled for no other
# instruction set. LABEL makes object names unique.
function(hewn_simd target label)
  foreach(isa ${hewn_isas})
    set(sources ${ARGN})
    if(isa STREQUAL "amx")
      list(FILTER sources INCLUDE REGEX "amx\\.cpp$")
    elseif(isa STREQUAL "avx512vnni")
      list(FILTER sources INCLUDE REGEX "vnni\\.cpp$")
    elseif(isa STREQUAL "avx512bf16")
      list(FILTER sources INCLUDE REGEX "bf16\\.cpp$")
    else()
      list(FILTER sources EXCLUDE REGEX "(amx|bf16|vnni)\\.cpp$")
    endif()
    if(sources)
      set(object ${label}_${isa})
      add_library(${object} OBJECT ${sources})
      set_target_properties(${object} PROPERTIES UNITY_BUILD OFF)  # it would change inlining and speed
      target_compile_definitions(${object} PRIVATE HEWN_ISA=${isa} HEWN_VBYTES=${hewn_isa_bytes_${isa}})
      target_compile_options(${object} PRIVATE ${hewn_isa_flags_${isa}} -fno-math-errno -fno-trapping-math)
      target_link_libraries(${object} PRIVATE hewn_flags)
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:${object}>)
    endif()
  endforeach()
endfunction()

# hewn_embed_lines(TARGET SYMBOL LINES FILES...): embeds the data that these lines of the assembler make of files.
function(hewn_embed_lines target symbol includes)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}.cpp)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/embedded.cpp.in ${source} @ONLY)
  target_sources(${target} PRIVATE ${source})
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${ARGN}")
endfunction()

# hewn_embed(TARGET SYMBOL FILES...): embeds the files, one after another, as the characters from hewn_SYMBOL to hewn_SYMBOL_end.
function(hewn_embed target symbol)
  set(lines "")
  foreach(file ${ARGN})
    string(APPEND lines ".incbin \"${file}\"\n")
  endforeach()
  hewn_embed_lines(${target} ${symbol} "${lines}" ${ARGN})
endfunction()

# hewn_embed_named(TARGET SYMBOL FILES...): the same with names: the path of each file from the root of the source, a zero byte,
# its characters, a zero byte.
function(hewn_embed_named target symbol)
  set(lines "")
  foreach(file ${ARGN})
    file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${file})
    string(APPEND lines ".asciz \"${name}\"\n.incbin \"${file}\"\n.byte 0\n")
  endforeach()
  hewn_embed_lines(${target} ${symbol} "${lines}" ${ARGN})
endfunction()
