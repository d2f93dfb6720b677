/* Room for the facts, which the driver fills: these symbols stand before the library's own block. */
    .bss
    .balign 16
    .globl brine_catalogue
    .globl brine_catalogue_end
brine_catalogue:
    .space 268435456
brine_catalogue_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
