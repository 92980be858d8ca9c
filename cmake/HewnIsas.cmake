# HEWN_ISAS: the instruction sets for which simd*.cpp are compiled, narrowest first (`enum class Isa` in
# kernels/contract/isa.h). hewn_isa_flags_NAME and hewn_isa_bytes_NAME: compiler options and vector width.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(hewn_all_isas neon)
  set(hewn_isa_flags_neon "")
else()
  set(hewn_all_isas sse2 avx2 avx512 avx512vnni avx512bf16 amx)
  set(hewn_isa_flags_sse2 -msse2)
  set(hewn_isa_flags_avx2 -mavx2 -mfma)
  set(hewn_isa_flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
  set(hewn_isa_flags_avx512vnni ${hewn_isa_flags_avx512} -mavx512vnni)
  set(hewn_isa_flags_avx512bf16 ${hewn_isa_flags_avx512} -mavx512bf16)
  set(hewn_isa_flags_amx ${hewn_isa_flags_avx512bf16} -mamx-tile -mamx-bf16)
endif()
list(JOIN hewn_all_isas ", " hewn_all_isas_text)
set(hewn_isa_bytes_sse2 16)
set(hewn_isa_bytes_neon 16)
set(hewn_isa_bytes_avx2 32)
set(hewn_isa_bytes_avx512 64)
set(hewn_isa_bytes_avx512vnni 64)
set(hewn_isa_bytes_avx512bf16 64)
set(hewn_isa_bytes_amx 64)

# The instruction sets of this processor: the one with the widest vectors, and its extensions. Runs the
# program's own check.
function(hewn_native_isas result)
  if(CMAKE_CROSSCOMPILING)
    message(FATAL_ERROR "HEWN_ISAS=native cannot be used when cross-compiling; give some of ${hewn_all_isas_text}")
  endif()
  if(NOT HEWN_NATIVE_ISAS)
    try_run(status compiled
            SOURCES ${PROJECT_SOURCE_DIR}/cmake/native_isas.cpp ${PROJECT_SOURCE_DIR}/kernels/contract/isa.cpp
                    ${PROJECT_SOURCE_DIR}/core/error.cpp ${PROJECT_SOURCE_DIR}/core/text.cpp
            CMAKE_FLAGS -DINCLUDE_DIRECTORIES=${PROJECT_SOURCE_DIR}
            CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
            COMPILE_OUTPUT_VARIABLE log RUN_OUTPUT_VARIABLE native)
    if(NOT compiled OR NOT status EQUAL 0)
      message(FATAL_ERROR "HEWN_ISAS=native: the check of this processor (cmake/native_isas.cpp) fails:\n${log}")
    endif()
    string(STRIP "${native}" native)
    set(HEWN_NATIVE_ISAS ${native} CACHE INTERNAL "What HEWN_ISAS=native is on this machine")
  endif()
  set(${result} ${HEWN_NATIVE_ISAS} PARENT_SCOPE)
endfunction()

set(HEWN_ISAS all CACHE STRING
    "Instruction sets to compile for: all, native (the best of this processor), or a list of ${hewn_all_isas_text}")
if(HEWN_ISAS STREQUAL "all")
  set(hewn_isas ${hewn_all_isas})
elseif(HEWN_ISAS STREQUAL "native")
  hewn_native_isas(hewn_isas)
else()
  string(REPLACE "," ";" wanted "${HEWN_ISAS}")
  set(hewn_isas "")
  foreach(isa ${hewn_all_isas})
    if(isa IN_LIST wanted)
      list(APPEND hewn_isas ${isa})
      list(REMOVE_ITEM wanted ${isa})
    endif()
  endforeach()
  if(wanted OR NOT hewn_isas)
    message(FATAL_ERROR "HEWN_ISAS=${HEWN_ISAS}: expected all, native or a list of ${hewn_all_isas_text}")
  endif()
  list(GET hewn_isas 0 narrowest)
  if(narrowest MATCHES "avx512vnni|avx512bf16|amx")  # only some kernels have code for these
    message(FATAL_ERROR "HEWN_ISAS=${HEWN_ISAS}: ${narrowest} requires avx512; add it to the list")
  endif()
endif()
list(JOIN hewn_isas ", " text)
message(STATUS "SIMD code for ${text}")

# Definition for kernels/contract/isa.h.
list(JOIN hewn_isas "+" hewn_isas_definition)
set(hewn_isas_definition "HEWN_ISAS=\"${hewn_isas_definition}\"")
