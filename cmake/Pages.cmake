# The pages that `brine help` shows, docs/findings/*.md and docs/help/*.md, become one block of text
# inside the program: each page behind a line "\x01NAME". Runs again when a page changed.
enable_language(ASM)
set(BRINE_PAGES_TEXT ${CMAKE_CURRENT_BINARY_DIR}/pages.txt)
set(BRINE_PAGES_ASM ${CMAKE_CURRENT_BINARY_DIR}/pages.S)
file(GLOB BRINE_PAGES CONFIGURE_DEPENDS docs/findings/*.md docs/help/*.md)

add_custom_command(
  OUTPUT ${BRINE_PAGES_TEXT}
  COMMAND ${CMAKE_COMMAND} -DDOCS=${CMAKE_CURRENT_SOURCE_DIR}/docs -DOUTPUT=${BRINE_PAGES_TEXT}
          -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/join_pages.cmake
  DEPENDS ${BRINE_PAGES} ${CMAKE_CURRENT_SOURCE_DIR}/cmake/join_pages.cmake
  COMMENT "Joining the pages of brine help"
  VERBATIM)

file(CONFIGURE OUTPUT ${BRINE_PAGES_ASM} @ONLY CONTENT [[
    .section .rodata
    .globl brine_pages
    .globl brine_pages_end
    .hidden brine_pages
    .hidden brine_pages_end
brine_pages:
    .incbin "@BRINE_PAGES_TEXT@"
brine_pages_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
]])
set_source_files_properties(${BRINE_PAGES_ASM} PROPERTIES
                            OBJECT_DEPENDS ${BRINE_PAGES_TEXT} LANGUAGE ASM)
target_sources(brine_core PRIVATE ${BRINE_PAGES_ASM})
