"""What the hub answers over HTTPS: to services, to devices, to provisioning's services, and what is not IoT Hub's.

``service`` is the application that all others add their routes to.
"""
