# The facts of catalogue/ become one block of bytes inside the program. Needs Python's standard
# library only, reaches no network, and runs again when a fact, the compiler or a table changed.
enable_language(ASM)
set(BRINE_CATALOGUE_BLOB ${CMAKE_CURRENT_BINARY_DIR}/catalogue.bin)
set(BRINE_CATALOGUE_ASM ${CMAKE_CURRENT_BINARY_DIR}/catalogue.S)
file(GLOB BRINE_FACTS CONFIGURE_DEPENDS catalogue/inert/*.toml
     catalogue/inert/proven/*.toml catalogue/danger/*.toml)
set(BRINE_CATALOGUE_DEFS
    ${CMAKE_CURRENT_SOURCE_DIR}/src/catalogue/contract_ops.def
    ${CMAKE_CURRENT_SOURCE_DIR}/src/catalogue/behaviours.def)
set(BRINE_CATALOGUE_TOOLS
    ${CMAKE_CURRENT_SOURCE_DIR}/tools/catalogue/embed.py
    ${CMAKE_CURRENT_SOURCE_DIR}/tools/catalogue/contracts.py)

add_custom_command(
  OUTPUT ${BRINE_CATALOGUE_BLOB}
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/tools/catalogue/embed.py
          --facts ${CMAKE_CURRENT_SOURCE_DIR}/catalogue
          --defs ${CMAKE_CURRENT_SOURCE_DIR}/src/catalogue
          --output ${BRINE_CATALOGUE_BLOB}
  DEPENDS ${BRINE_FACTS} ${BRINE_CATALOGUE_DEFS} ${BRINE_CATALOGUE_TOOLS}
  COMMENT "Compiling the catalogue's facts"
  VERBATIM)

file(CONFIGURE OUTPUT ${BRINE_CATALOGUE_ASM} @ONLY CONTENT [[
    .section .rodata
    .balign 16
    .globl brine_catalogue
    .globl brine_catalogue_end
    .hidden brine_catalogue
    .hidden brine_catalogue_end
brine_catalogue:
    .incbin "@BRINE_CATALOGUE_BLOB@"
brine_catalogue_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
]])
set_source_files_properties(${BRINE_CATALOGUE_ASM} PROPERTIES
                            OBJECT_DEPENDS ${BRINE_CATALOGUE_BLOB} LANGUAGE ASM)
target_sources(brine_core PRIVATE ${BRINE_CATALOGUE_ASM})

if(BRINE_BENCH)
  add_executable(brine-catalogue-bench bench/micro/catalogue.cpp)
  target_link_libraries(brine-catalogue-bench PRIVATE brine_core)
endif()
